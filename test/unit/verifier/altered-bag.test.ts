import { beforeAll, describe, expect, it } from '@jest/globals';
import { NoteSigner } from '../../../src/formats/record-1/note.js';
import { openBag } from '../../../src/verifier/bag-zip.js';
import {
  BagGround,
  MemoryBytes,
  mistakesIn,
  ProtectingLog,
  repacked,
  turn,
  type UnpackedBag,
  unpacked,
  verified,
} from '../../support/bags.js';
import { seeded } from '../../support/seeded.js';

/** One conversation with one event. */
async function smallBag(): Promise<Buffer> {
  const ground = new BagGround();
  await ground.chat('c1').started();
  await ground.record();
  return ground.bag({ conversations: ['c1'] });
}

/** Everything that a bag can have: two conversations with turns, in a tree with a third one. */
async function clearBag(): Promise<Buffer> {
  const ground = new BagGround();
  const [one, other] = [await ground.chat('c1').started('T', 'Be brief'), await ground.chat('c2').started()];
  await turn(one, 'a', ['One', ' two', ' three']);
  await turn(await ground.chat('c3').started(), 'b', ['Not in the scope']);
  await turn(other, 'c', ['Four']);
  await turn(one, 'd', ['Five'], 'ga');
  await ground.record();
  return ground.bag({ conversations: ['c1', 'c2'] });
}

/** One of two conversations. */
async function smallerBag(): Promise<Buffer> {
  const ground = new BagGround();
  await turn(await ground.chat('c1').started(), 'a', ['One']);
  await turn(await ground.chat('c2').started(), 'b', ['Two']);
  await ground.record();
  return ground.bag({ conversations: ['c1'] });
}

async function revealedBag(): Promise<Buffer> {
  const ground = new BagGround(new ProtectingLog());
  await turn(await ground.chat('c1').started('T', 'Be brief'), 'a', ['One', ' two']);
  await turn(await ground.chat('c2').started(), 'b', ['Three']);
  await ground.record();
  return ground.bag({ tenant: true });
}

/** By the place of a byte, the file that it belongs to. Undefined for a byte of a header. */
async function contentAt(bag: Buffer): Promise<(place: number) => string | undefined> {
  const { files } = await openBag(new MemoryBytes(bag));
  const ranges: { path: string; from: number; to: number }[] = [];
  let from = 0;
  for (const { path, content } of files) {
    // A header of 50 bytes and the name before, a descriptor of 24 bytes behind.
    from += 50 + `default-1/${path}`.length;
    ranges.push({ path, from, to: from + content.size });
    from += content.size + 24;
  }
  return (place) => ranges.find((range) => range.from <= place && place < range.to)?.path;
}

function flipped(bag: Buffer, place: number, bit: number): Buffer {
  const altered = Buffer.from(bag);
  altered[place] = (altered[place] as number) ^ (1 << bit);
  return altered;
}

describe('a bag with one other bit', () => {
  it('is not intact, whichever byte it is, and the verifier names the file or the zip', async () => {
    const bag = await smallBag();
    const fileAt = await contentAt(bag);
    const wrong: unknown[] = [];
    for (let place = 0; place < bag.length; place++) {
      const { isIntact, mistakes } = await verified(flipped(bag, place, place % 8));
      const [first] = mistakes;
      const isNamed = first !== undefined && (fileAt(place) ?? first.place) === first.place;
      if (isIntact || !isNamed) wrong.push([place, fileAt(place), first]);
    }
    expect(wrong).toEqual([]);
  }, 120_000);

  it.each([
    ['clear', clearBag],
    ['protected', revealedBag],
  ])('is not intact either if it is large: samples of a %s one', async (_, make) => {
    const bag = await make();
    const draw = seeded(20_260_203);
    for (let nth = 0; nth < 150; nth++) {
      const place = Math.floor(draw() * bag.length);
      expect([place, (await verified(flipped(bag, place, nth % 8))).isIntact]).toEqual([place, false]);
    }
  });

  it('is shorter or longer than it was, and not intact', async () => {
    const bag = await smallBag();
    for (const altered of [
      bag.subarray(1),
      bag.subarray(0, -1),
      Buffer.concat([bag, Buffer.alloc(1)]),
      Buffer.concat([Buffer.alloc(1), bag]),
      Buffer.alloc(0),
      Buffer.concat([bag, bag]),
    ]) {
      expect((await verified(altered)).mistakes[0]?.place).toBe('the zip file');
    }
  });
});

/** Line by line: without it, with it twice, in the place of the next one. */
const LINE_CHANGES: Readonly<Record<string, (lines: readonly string[], nth: number) => string[]>> = {
  removed: (lines, nth) => lines.toSpliced(nth, 1),
  doubled: (lines, nth) => lines.toSpliced(nth, 0, lines[nth] as string),
  swapped: (lines, nth) => lines.toSpliced(nth, 2, ...lines.slice(nth, nth + 2).reverse()),
};

const IN_ALL = ['entries.txt', 'texts.jsonl', 'checkpoint.txt', 'vkey.txt', 'scope.json'];
const OF_ONE_LINE = ['vkey.txt', 'scope.json'];

// No value of the first is protected, and the second one has all leaves of its tree.
describe.each([
  ['clear', clearBag, [...IN_ALL, 'proof.txt']],
  ['protected', revealedBag, [...IN_ALL, 'reveals.jsonl']],
])('a %s bag whose manifests were repaired', (_, make, names) => {
  let bag: UnpackedBag;
  beforeAll(async () => {
    bag = await unpacked(await make());
  });

  const altered = (path: string, text: string) => repacked({ top: bag.top, files: new Map(bag.files).set(path, text) });

  it('is intact if nothing else was altered', async () => {
    expect(mistakesIn(await verified(await repacked({ top: bag.top, files: new Map(bag.files) })))).toEqual([]);
  });

  const lineChanges = names
    .flatMap((name) => Object.keys(LINE_CHANGES).map((change) => [name, change] as const))
    .filter(([name, change]) => change !== 'swapped' || !OF_ONE_LINE.includes(name));

  it.each(lineChanges)(
    'is not intact with a line of data/%s that is %s, whichever line it is',
    async (name, change) => {
      const path = `data/${name}`;
      const lines = (bag.files.get(path) as string).split('\n').slice(0, -1);
      for (const nth of lines.keys()) {
        const changed = (LINE_CHANGES[change] as (typeof LINE_CHANGES)[string])(lines, nth);
        const text = changed.map((line) => `${line}\n`).join('');
        // The last line has no next one.
        if (change === 'swapped' && nth === lines.length - 1) continue;
        const { isIntact, mistakes } = await verified(await altered(path, text));
        expect([nth, isIntact, mistakes[0]]).toEqual([
          nth,
          false,
          { place: expect.any(String), why: expect.any(String) },
        ]);
      }
    },
  );

  it.each(names)('is not intact with another character of data/%s, in samples', async (name) => {
    const path = `data/${name}`;
    const text = bag.files.get(path) as string;
    const draw = seeded(text.length);
    for (let nth = 0; nth < 60; nth++) {
      const place = Math.floor(draw() * text.length);
      const character = String.fromCharCode(text.charCodeAt(place) ^ (1 + (nth % 7)));
      const { isIntact } = await verified(
        await altered(path, text.slice(0, place) + character + text.slice(place + 1)),
      );
      expect([place, isIntact]).toEqual([place, false]);
    }
  });
});

describe('a bag with a consistent change', () => {
  let bag: UnpackedBag;
  beforeAll(async () => {
    bag = await unpacked(await clearBag());
  });

  const file = (path: string) => bag.files.get(path) as string;
  const without = (path: string, wanted: RegExp) =>
    file(path)
      .split('\n')
      .filter((line) => !wanted.test(line))
      .join('\n');
  const verdictOf = async (changes: Readonly<Record<string, string>>) =>
    verified(await repacked({ top: bag.top, files: new Map([...bag.files, ...Object.entries(changes)]) }));

  it.each<[string, () => Readonly<Record<string, string>>, RegExp]>([
    [
      'without a chain',
      () => ({
        'data/entries.txt': without('data/entries.txt', /"chain":"conversation-c2"/),
        'data/texts.jsonl': without('data/texts.jsonl', /\\"conversation\\":\\"c2\\"/),
      }),
      /^data\/entries.txt: lacks the chain conversation-c2, which is in the scope of the bag$/,
    ],
    [
      'without the last entry of a chain',
      () => ({
        'data/entries.txt': without('data/entries.txt', /"chain":"conversation-c2".*"n":5,/),
        'data/texts.jsonl': without('data/texts.jsonl', /\\"conversation\\":\\"c2\\".*GenerationFinalized/),
      }),
      /^entry 4 \(AttemptEnded, .* is the last entry of its chain, and has no index$/,
    ],
    [
      'without a piece of an answer',
      () => ({ 'data/texts.jsonl': without('data/texts.jsonl', /\\"text\\":\\" two\\"/) }),
      /^entry \d+ \(AttemptEnded, event 4 of generation-gc1-a\): data\/texts.jsonl has event 3 .* in the place of event 2 /,
    ],
    [
      'with another piece of an answer',
      () => ({
        'data/texts.jsonl': file('data/texts.jsonl').replace('\\"text\\":\\" two\\"', '\\"text\\":\\" ten\\"'),
      }),
      /^entry \d+ \(AttemptEnded, event 4 of generation-gc1-a\): an event of its tape is not what the entry commits to$/,
    ],
    [
      'with another message',
      () => ({ 'data/texts.jsonl': file('data/texts.jsonl').replace('"text a', '"text X') }),
      /^entry \d+ \(MessageSent, event 1 of conversation-c1\): its text is not what the entry commits to$/,
    ],
    [
      'with another time in an entry',
      () => ({
        'data/entries.txt': file('data/entries.txt').replace('2026-01-01T00:00:01.000Z', '2025-01-01T00:00:01.000Z'),
      }),
      /^entry \d+ \(MessageSent, event 1 of conversation-c1\): its text is of another event$/,
    ],
    [
      'with other counts',
      () => ({ 'custody.json': file('custody.json').replace('"entries":17', '"entries":18') }),
      /^custody.json: says entries: 18, and the bag has 17$/,
    ],
    [
      'with another date of the bagging',
      () => ({ 'custody.json': file('custody.json').replace('2026-02-03T', '2026-02-04T') }),
      /^bag-info.txt: has other lines/,
    ],
  ])('%s is not intact, and its first mistake is named', async (_, changes, mistake) => {
    const verdict = await verdictOf(changes());
    expect(verdict.isIntact).toBe(false);
    expect(mistakesIn(verdict)[0]).toMatch(mistake);
  });

  it('without its texts is not intact', async () => {
    const files = new Map([...bag.files].filter(([path]) => !path.endsWith('.jsonl')));
    const scope = file('data/scope.json').replace('"reveal":true', '"reveal":false');
    const verdict = await verified(await repacked({ top: bag.top, files: files.set('data/scope.json', scope) }));
    expect(mistakesIn(verdict)[0]).toMatch(/^custody.json: says texts: /);
  });
});

const linesIn = (text: string | undefined): string[] => (text as string).split('\n').slice(0, -1);

describe('a bag whose author knows the format', () => {
  const file = async (bag: Buffer, path: string) => (await unpacked(bag)).files.get(path) as string;

  it('has an index only before the last entry of each chain, unless all leaves are there', async () => {
    const indexed = (lines: readonly string[]) => lines.map((line) => /^\d+ \{/.test(line));
    const some = linesIn(await file(await clearBag(), 'data/entries.txt'));
    const lasts = some.map((line, nth) => JSON.parse(line.replace(/^\d+ /, '')).chain !== chainOf(some[nth + 1]));
    expect(lasts.filter(Boolean)).toHaveLength(2);
    expect(indexed(some)).toEqual(lasts);
    expect(new Set(indexed(linesIn(await file(await revealedBag(), 'data/entries.txt'))))).toEqual(new Set([true]));
  });

  const chainOf = (line: string | undefined): unknown =>
    line === undefined ? undefined : JSON.parse(line.replace(/^\d+ /, '')).chain;

  it.each<[string, () => Promise<Buffer>, (lines: string[]) => string[], RegExp]>([
    [
      'names the index of an entry that nothing proves',
      clearBag,
      (lines) => lines.with(1, `1 ${lines[1]}`),
      /^entry 1 \(.*\): has an index, and is not the last entry of its chain$/,
    ],
    [
      'names another index of a last entry',
      smallerBag,
      (lines) => lines.with(-1, (lines.at(-1) as string).replace(/^\d+/, '1')),
      /^entry \d+ \(GenerationFinalized.*: with data\/proof.txt it does not lead to the signed root/,
    ],
    [
      'names no index of an entry of a whole tenant',
      revealedBag,
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
    const bag = await unpacked(await smallBag());
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

describe('a bag beside an earlier one', () => {
  it('is not intact if the earlier one has an entry that it lacks', async () => {
    const ground = new BagGround();
    const chat = await ground.chat('c1').started();
    await turn(chat, 'a', ['One']);
    await ground.record();
    const before = await ground.bag({ conversations: ['c1'] });
    // The log of another history, with the same identity: the operator shows two trees.
    const forged = new BagGround();
    await turn(await forged.chat('c1').started(), 'a', ['Other']);
    await turn(await forged.chat('c1b').started(), 'b', ['More']);
    forged.log.identity = () => ground.log.identity();
    await forged.record();
    for (const scope of [{ conversations: ['c1'] }, { tenant: true } as const]) {
      const now = await forged.bag(scope);
      expect(mistakesIn(await verified(now, { verifierKey: await ground.key() }))).toEqual([]);
      expect(mistakesIn(await verified(now, { previous: new MemoryBytes(before) })).at(-1)).toMatch(
        /^entry 0 \(ConversationStarted, event 0 of conversation-c1\): is in the previous bag, and not in this one$/,
      );
    }
  });
});
