import { describe, expect, it } from '@jest/globals';
import { NoteSigner } from '../../../src/formats/record-1/note.js';
import { BagGround, mistakesIn, repacked, turn, type UnpackedBag, unpacked, verified } from '../../support/bags.js';

async function threeConversations(): Promise<BagGround> {
  const ground = new BagGround();
  await turn(await ground.chat('c1').started(), 'a', ['One']);
  await turn(await ground.chat('c2').started(), 'b', ['Two']);
  await turn(await ground.chat('c3').started(), 'c', ['Three']);
  return ground.record();
}

const someOf = async (): Promise<Buffer> => (await threeConversations()).bag({ conversations: ['c1', 'c2'] });
const allOf = async (): Promise<Buffer> => (await threeConversations()).bag({ tenant: true });

const linesIn = (text: string | undefined): string[] => (text as string).split('\n').slice(0, -1);

describe('a bag whose author knows the format', () => {
  const file = async (bag: Buffer, path: string) => (await unpacked(bag)).files.get(path) as string;

  it('has an index only before the last entry of each chain, unless all leaves are there', async () => {
    const indexed = (lines: readonly string[]) => lines.map((line) => /^\d+ \{/.test(line));
    const some = linesIn(await file(await someOf(), 'data/entries.txt'));
    const lasts = some.map((line, nth) => JSON.parse(line.replace(/^\d+ /, '')).chain !== chainOf(some[nth + 1]));
    expect(lasts.filter(Boolean)).toHaveLength(2);
    expect(indexed(some)).toEqual(lasts);
    expect(new Set(indexed(linesIn(await file(await allOf(), 'data/entries.txt'))))).toEqual(new Set([true]));
  });

  const chainOf = (line: string | undefined): unknown =>
    line === undefined ? undefined : JSON.parse(line.replace(/^\d+ /, '')).chain;

  it.each<[string, () => Promise<Buffer>, (lines: string[]) => string[], RegExp]>([
    [
      'names the index of an entry that nothing proves',
      someOf,
      (lines) => lines.with(1, `1 ${lines[1]}`),
      /^entry 1 \(.*\): has an index, and is not the last entry of its chain$/,
    ],
    [
      'names another index of a last entry',
      someOf,
      (lines) => lines.with(-1, (lines.at(-1) as string).replace(/^\d+/, '1')),
      /^the last entries of the chains: with data\/proof.txt it does not lead to the signed root/,
    ],
    [
      'names no index of an entry of a whole tenant',
      allOf,
      (lines) => lines.with(1, (lines[1] as string).replace(/^\d+ /, '')),
      /^entry 1 \(.*\): has no index, although all leaves are there$/,
    ],
  ])('is not intact if it %s', async (_, make, change, mistake) => {
    const bag = await unpacked(await make());
    const entries = change(linesIn(bag.files.get('data/entries.txt')));
    bag.files.set('data/entries.txt', entries.map((line) => `${line}\n`).join(''));
    expect(mistakesIn(await verified(await repacked(bag)))[0]).toMatch(mistake);
  });

  it('is not intact with half of a surrogate pair in the place of a replacement character', async () => {
    const ground = new BagGround();
    await ground.chat('c1').started('T\ufffd');
    await ground.record();
    const bag = await unpacked(await ground.bag({ conversations: ['c1'] }));
    expect(mistakesIn(await verified(await repacked(bag)))).toEqual([]);
    const text = bag.files.get('data/texts.jsonl') as string;
    bag.files.set('data/texts.jsonl', text.replaceAll('\ufffd', '\\ud800'));
    expect(mistakesIn(await verified(await repacked(bag)))[0]).toBe(
      'line 1 of data/texts.jsonl: has half of a surrogate pair, as no stored text',
    );
  });

  it('is not intact with half of a surrogate pair in the name of an event', async () => {
    const bag = await unpacked(await someOf());
    const text = bag.files.get('data/texts.jsonl') as string;
    bag.files.set('data/texts.jsonl', text.replace(/"id":"[^"]*","meta"/, '"id":"\\ud800","meta"'));
    expect(mistakesIn(await verified(await repacked(bag)))[0]).toBe('line 1 of data/texts.jsonl: has other members');
  });

  it('has a remark for the signature of a key that was not given, and for that key in vkey.txt', async () => {
    const ground = new BagGround();
    await ground.chat('c1').started();
    await ground.record();
    const bag = await unpacked(await ground.bag({ tenant: true }));
    const note = bag.files.get('data/checkpoint.txt') as string;
    const [origin = '', size, root] = note.split('\n');
    const other = new NoteSigner(Buffer.alloc(32, 7));
    const own = other.sign(origin, { size: Number(size), root: Buffer.from(root as string, 'base64') });
    bag.files.set('data/checkpoint.txt', note + own.slice(own.indexOf('\n\n') + 2));
    const verifierKey = await ground.key();
    const signature = {
      place: 'data/checkpoint.txt',
      why: `has a signature in the name ${origin} that no given key verifies`,
    };
    expect((await verified(await repacked(bag), { verifierKey })).remarks).toEqual([signature]);
    bag.files.set('data/vkey.txt', `${other.verifierKey(origin)}\n`);
    expect((await verified(await repacked(bag), { verifierKey })).remarks).toEqual([
      { place: 'data/vkey.txt', why: 'its key is not the given one, and proves nothing' },
      signature,
    ]);
  });
});

describe('a forged chain', () => {
  it('is not intact in the place of another one, with a proof of the rest', async () => {
    const ground = new BagGround();
    await ground.chat('c1').started('True');
    await ground.chat('c2').started('Other');
    await ground.record();
    const forged = new BagGround();
    await forged.chat('c1').started('False');
    await forged.record();
    const [bag, other] = [
      await unpacked(await ground.bag({ conversations: ['c1', 'c2'] })),
      await unpacked(await forged.bag({ conversations: ['c1'] })),
    ];
    const lineOf = ({ files }: UnpackedBag, path: string, nth: number) => (files.get(path) as string).split('\n')[nth];
    const texts = 'data/texts.jsonl';
    const entry = lineOf(other, 'data/entries.txt', 0)?.replace(/^0 /, '1 ');
    bag.files.set('data/entries.txt', `${entry}\n${lineOf(bag, 'data/entries.txt', 1)}\n`);
    bag.files.set(texts, `${lineOf(other, texts, 0)}\n${lineOf(bag, texts, 1)}\n`);
    const [trueEntry] = await ground.notaries.entries();
    bag.files.set('data/proof.txt', `0 0 ${trueEntry?.hash.toString('base64')}\n`);
    expect(mistakesIn(await verified(await repacked(bag)))).toEqual([
      'entry 0 (ConversationStarted, event 0 of conversation-c2): another chain ends at the same index',
    ]);
  });
});

describe('a forged tenant', () => {
  it('is not intact under the note of the true one', async () => {
    const bags: UnpackedBag[] = [];
    for (const title of ['True', 'False']) {
      const ground = new BagGround();
      await ground.chat('c1').started(title);
      await ground.record();
      bags.push(await unpacked(await ground.bag({ tenant: true })));
    }
    const [bag, forged] = bags as [UnpackedBag, UnpackedBag];
    for (const path of ['data/entries.txt', 'data/texts.jsonl']) bag.files.set(path, forged.files.get(path) as string);
    expect(mistakesIn(await verified(await repacked(bag)))).toEqual([
      'data/entries.txt: its entries do not lead to the signed root: at least one is another',
    ]);
  });
});
