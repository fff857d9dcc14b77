import { beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { KeyMissing } from '../../../src/ports/value-keys.js';
import { NotAKey } from '../../../src/verifier/note.js';
import {
  BagGround,
  MemoryBytes,
  mistakesIn,
  ProtectingLog,
  repacked,
  turn,
  unpacked,
  verified,
} from '../../support/bags.js';
import { type ChatLog, sha256 } from '../../support/chat-log.js';
import { appendAtEnd, newDelta } from '../../support/new-events.js';

describe('a bag as it was made', () => {
  let ground: BagGround;
  beforeAll(async () => {
    ground = new BagGround();
    const chat = await ground.chat('c1').started('Title', 'Be brief');
    await turn(chat, 'a', ['One', ' two']);
    await turn(chat, 'b', ['Three'], 'ga');
    await chat.sent('note', 'remember this', { kind: 'note' });
    await turn(await ground.chat('c2', 'bob').started(), 'c', ['Four 🙂']);
    await ground.record();
  });

  it.each([
    ['one conversation', { conversations: ['c1'] }, { chains: 1, entries: 12, answers: 2, prompts: 2 }],
    ['two conversations', { conversations: ['c2', 'c1'] }, { chains: 2, entries: 18, answers: 3, prompts: 3 }],
    ['a whole tenant', { tenant: true } as const, { chains: 2, entries: 18, answers: 3, prompts: 3 }],
  ])('of %s is intact, and all of it is checked', async (_, scope, { chains, entries, answers, prompts }) => {
    const verdict = await verified(await ground.bag(scope), { verifierKey: await ground.key() });
    expect(mistakesIn(verdict)).toEqual([]);
    expect(verdict).toMatchObject({ isIntact: true, facts: { tenant: 'default', chains, entries } });
    const remarks = 'tenant' in scope ? [] : ['data/entries.txt'];
    expect(verdict.remarks.map(({ place }) => place)).toEqual(remarks);
    expect(verdict.facts?.texts).toMatchObject({ answers, prompts, hiddenPrompts: 0 });
  });

  it('with entries alone is intact, and says that it has no texts', async () => {
    const verdict = await verified(await ground.bag({ conversations: ['c1'] }, { reveal: false }));
    expect(mistakesIn(verdict)).toEqual([]);
    expect(verdict.facts).toMatchObject({ entries: 12, texts: null });
  });

  it('without a given key is intact, with the remark that its key proves no origin', async () => {
    const { isIntact, remarks } = await verified(await ground.bag({ tenant: true }));
    expect(isIntact).toBe(true);
    expect(remarks).toEqual([{ place: 'data/vkey.txt', why: expect.stringContaining('--vkey') }]);
  });

  it('is refused for another key, and a question with a text that is no key throws', async () => {
    const bag = await ground.bag({ conversations: ['c1'] });
    const other = new BagGround();
    await turn(await other.chat().started(), 'a', ['One']);
    expect(mistakesIn(await verified(bag, { verifierKey: await other.key() }))).toEqual([
      'data/checkpoint.txt: it is not signed by the given key',
    ]);
    await expect(verified(bag, { verifierKey: 'no key' })).rejects.toThrow(NotAKey);
    await expect(verified(bag, { witnesses: [await ground.key()] })).rejects.toThrow(NotAKey);
  });

  it('of an earlier size is intact after the record has grown', async () => {
    const own = new BagGround();
    const chat = await own.chat('c1').started();
    await turn(chat, 'a', ['One']);
    await own.record();
    const before = await own.bag({ conversations: ['c1'] });
    await turn(chat, 'b', ['Two'], 'ga');
    await turn(await own.chat('c0').started(), 'c', ['Three']);
    await own.record();
    const size = 6;
    expect(await own.bag({ conversations: ['c1'] }, { size })).toEqual(before);
    const now = await own.bag({ tenant: true });
    expect(mistakesIn(await verified(now, { previous: new Blob([before]) }))).toEqual([]);
    expect(mistakesIn(await verified(before, { previous: new MemoryBytes(now) }))).toEqual([
      'the previous bag: is of a larger tree, of 17 entries',
    ]);
  });
});

describe('a bag with protected values', () => {
  const all = { tenant: true } as const;
  let log: ProtectingLog;
  let ground: BagGround;
  beforeEach(async () => {
    log = new ProtectingLog();
    ground = new BagGround(log);
    await turn(await ground.chat('c1').started('Title \ud83d', 'Be brief'), 'a', ['One \ud83d', '\ude42 two']);
    await ground.record();
  });

  /** A bag whose lines of revealed values are others, with manifests that fit them. */
  async function otherwise(change: (lines: string[]) => string[]): Promise<Buffer> {
    const bag = await unpacked(await ground.bag(all));
    const lines = (bag.files.get('data/reveals.jsonl') as string).split('\n').slice(0, -1);
    bag.files.set(
      'data/reveals.jsonl',
      change(lines)
        .map((line) => `${line}\n`)
        .join(''),
    );
    return repacked(bag);
  }

  it('is intact when all of them are revealed, and needs no key', async () => {
    const verdict = await verified(await ground.bag(all));
    expect(mistakesIn(verdict)).toEqual([]);
    expect(verdict.facts?.texts).toMatchObject({
      ...{ revealed: 9, unrevealed: 0, prompts: 1, hiddenPrompts: 0, answers: 1 },
    });
  });

  it('is intact after their keys were destroyed, and says what is hidden', async () => {
    const size = (await unpacked(await ground.bag(all))).files.get('data/texts.jsonl');
    for (const id of log.keys.keys()) log.keys.set(id, { is: 'destroyed', at: '2026-02-03T04:05:06.789Z' });
    const bag = await ground.bag(all);
    const verdict = await verified(bag);
    expect(mistakesIn(verdict)).toEqual([]);
    expect(verdict.facts?.texts).toMatchObject({ revealed: 0, unrevealed: 9, prompts: 0, hiddenPrompts: 1 });
    expect((await unpacked(bag)).files.get('data/texts.jsonl')).toBe(size);
    expect(bag.includes('text a')).toBe(false);
  });

  it('is not made while a key is missing that was not destroyed', async () => {
    const error = new KeyMissing('key of conversation-c1', 'the store of keys has no row of it');
    log.keys.set('key of conversation-c1', { is: 'missing', error });
    await expect(ground.bag(all)).rejects.toBe(error);
  });

  it('is not intact if one value is revealed otherwise', async () => {
    const bag = await otherwise((lines) => lines.map((line) => line.replace('Be brief', 'Be brisk')));
    expect(mistakesIn(await verified(bag))[0]).toMatch(
      /^entry 0 \(ConversationStarted.*: the revealed value at data\/system does not have its commitment$/,
    );
  });

  it('is not intact if some values under a key are revealed and others are not', async () => {
    const bag = await otherwise((lines) => lines.filter((line) => !line.includes('data/title')));
    expect(mistakesIn(await verified(bag))[0]).toMatch(/under the key .* some are revealed and others are not/);
  });
});

/** Ends that do not follow from their tape: one attempt with one piece. */
const OTHER_ENDINGS: [string, Parameters<ChatLog['finalized']>[1], RegExp][] = [
  [
    'an answer of another text than its pieces',
    { blocks: [{ kind: 'text', text: 'more' }], textSha256: sha256('more') },
    /is not the text of the pieces/,
  ],
  ['an answer of another number of pieces', { deltas: 2 }, /its tape has 1 pieces, and it says 2$/],
  ['an answer of another attempt', { attempt: 2 }, /its tape ends with the attempt 1$/],
];

describe('what was recorded', () => {
  const bagOfOne = async (say: (ground: BagGround) => Promise<unknown>) => {
    const ground = new BagGround();
    await say(ground);
    await ground.record();
    return verified(await ground.bag({ tenant: true }));
  };

  it.each<[string, (ground: BagGround) => Promise<unknown>, RegExp]>([
    [
      'a prompt with another hash than its bytes',
      async (ground) => {
        const chat = await ground.chat('c1').started();
        await chat.sent('m', 'text');
        await chat.requested('g', 'm');
        await chat.assembled('g', 'other bytes');
      },
      /PromptAssembled.*the bytes of the prompt, made again from the texts, have another hash/,
    ],
    [
      'a prompt without a request',
      async (ground) => {
        const chat = await ground.chat('c1').started();
        await chat.sent('m', 'text a');
        await chat.requested('g', 'none');
        await chat.assembled('g', '{"messages":[{"role":"user","content":"text a"}]}');
      },
      /GenerationRequested.*the message none is not before it/,
    ],
    [
      'an answer that its pieces do not make',
      async (ground) => {
        const chat = await ground.chat('c1').started();
        await chat.sent('m', 'text');
        await chat.requested('g', 'm');
        await chat.assembled('g', '{"messages":[{"role":"user","content":"text"}]}');
        await chat.claimed('g');
        await chat.delta('g', 'said');
        await chat.attemptEnded('g');
        await chat.finalized('g', { blocks: [{ kind: 'text', text: 'said otherwise' }] });
      },
      /GenerationFinalized.*its answer has another hash than it says/,
    ],
    ...OTHER_ENDINGS.map(([what, ended, mistake]): [string, (ground: BagGround) => Promise<unknown>, RegExp] => [
      what,
      async (ground) => {
        const chat = await ground.chat('c1').started();
        await chat.sent('m', 'text');
        await chat.requested('g', 'm');
        await chat.assembled('g', '{"messages":[{"role":"user","content":"text"}]}');
        await chat.claimed('g');
        await chat.delta('g', 'said');
        await chat.attemptEnded('g');
        await chat.finalized('g', ended);
      },
      mistake,
    ]),
    [
      'an answer without a prompt',
      async (ground) => {
        const chat = await ground.chat('c1').started();
        await chat.sent('m', 'text');
        await chat.requested('g', 'm');
        await chat.claimed('g');
        await chat.attemptEnded('g');
        await chat.finalized('g');
      },
      /GenerationFinalized.*no prompt of g is before it/,
    ],
    [
      'an answer without a tape',
      async (ground) => {
        const chat = await ground.chat('c1').started();
        await chat.sent('m', 'text');
        await chat.requested('g', 'm');
        await chat.assembled('g', '{"messages":[{"role":"user","content":"text"}]}');
        await chat.finalized('g', { attempt: 1 });
      },
      /GenerationFinalized.*no tape of g is before it/,
    ],
    [
      'an answer that ends twice',
      async (ground) => {
        const chat = await ground.chat('c1').started();
        const generation = await turn(chat, 'a', ['One']);
        await chat.finalized(generation);
      },
      /GenerationFinalized.*has ended before/,
    ],
  ])('as %s is found and named', async (_, say, mistake) => {
    const verdict = await bagOfOne(say);
    expect(verdict.isIntact).toBe(false);
    expect(mistakesIn(verdict).join('\n')).toMatch(mistake);
  });

  it('after the seal of a tape is a remark: a fault of the log, and not of the bag', async () => {
    const verdict = await bagOfOne(async (ground) => {
      const generation = await turn(await ground.chat('c1').started(), 'a', ['One']);
      const late = { ...newDelta('late'), type: 'AttemptNoted', meta: JSON.stringify({ conversation: 'c1' }) };
      await appendAtEnd(ground.log, `generation-${generation}`, [late]);
    });
    expect(mistakesIn(verdict)).toEqual([]);
    expect(verdict.remarks.map(({ why }) => why)).toContain(
      'a fault of the log: an event (AttemptNoted) follows the seal of its tape',
    );
  });
});
