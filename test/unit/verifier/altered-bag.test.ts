import { beforeAll, describe, expect, it } from '@jest/globals';
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
