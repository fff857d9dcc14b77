import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { allowanceOf, assemblePrompt } from '../../../../src/domain/prompt/assemble.js';
import { limits } from '../../../../src/limits.js';
import {
  aDraft,
  anyDraft,
  assembled,
  history,
  leftOutIn,
  oneEach,
  reply,
  system,
  user,
  type WholeDraft,
} from './drafts.js';

/** A budget for the prompt of exactly so many tokens: one more is kept for the answer. */
const room = (tokens: number) => ({ tokenBudget: tokens + 1, params: { max_tokens: 1 } });
const entering = (changes: Partial<WholeDraft>) => assembled(changes).segments.map(({ text }) => text);

/** A text of one character costs five tokens, and the start of the answer three. */
const turn1 = [user('a'), reply('b')];
const turn2 = [user('c'), reply('d'), reply('e')];
const turn3 = [user('f'), reply('g')];
const path = [...turn1, ...turn2, ...turn3];
const draft = { system: system('S'), path, newest: user('N') };
const WHOLE = 3 + 5 * 9;

describe('a history that is too long', () => {
  it.each([
    ['exactly at the budget: all of it enters', WHOLE, 'SabcdefgN', []],
    ['one token over: the oldest turn goes, all of it', WHOLE - 1, 'ScdefgN', ['a', 'b']],
    ['with room for half of the oldest turn: a turn is never cut', WHOLE - 5, 'ScdefgN', ['a', 'b']],
    ['exactly without the oldest turn', WHOLE - 10, 'ScdefgN', ['a', 'b']],
    ['one token over that: a turn with two replies goes as one', WHOLE - 11, 'SfgN', ['a', 'b', 'c', 'd', 'e']],
    ['exactly the system text and the newest message', 13, 'SN', ['a', 'b', 'c', 'd', 'e', 'f', 'g']],
  ])('%s', (_, tokens, entered, trimmed) => {
    const { prompt, segments } = assembled({ ...draft, ...room(tokens) });
    expect(segments.map(({ text }) => text).join('')).toBe(entered);
    expect(prompt.tokens.prompt).toBe(3 + 5 * entered.length);
    expect(leftOutIn(prompt, path)).toEqual(trimmed.map((id) => ({ id, reason: 'budget' })));
    expect(prompt.trimmed).toHaveLength(trimmed.length > 0 ? 1 : 0);
  });

  it('one token under what always stays: nothing is assembled, and the counts say so', () => {
    expect(assemblePrompt(aDraft({ ...draft, ...room(12) }))).toEqual({
      ok: false,
      overBudget: { prompt: 13, budget: 12, reserved: 1, limit: 13, estimated: false, encoding: 'one-each' },
    });
  });

  it('does not reach past a turn that does not fit, even for a short one behind it', () => {
    const long = [user('u1'), reply('a1'), user('u2', 'x'.repeat(50)), reply('a2'), user('u3'), reply('a3')];
    expect(entering({ path: long, ...room(60) })).toEqual(['u3', 'a3', 'new']);
  });

  it('takes the nodes before the first message of a user as one turn', () => {
    const greeted = [reply('g'), reply('h'), user('u'), reply('r')];
    expect(entering({ path: greeted, newest: user('N'), ...room(28) })).toEqual(['g', 'h', 'u', 'r', 'N']);
    expect(entering({ path: greeted, newest: user('N'), ...room(27) })).toEqual(['u', 'r', 'N']);
  });

  it('counts nothing for replies that do not enter, and gives each trimmed node one reason', () => {
    const failing = [user('u'), reply('v', 'x', 'error'), user('w'), reply('x', 'y'.repeat(99), 'error')];
    const { prompt } = assembled({ path: failing, newest: user('N'), ...room(13) });
    expect(prompt.trimmed).toEqual([
      { from: 'u', to: 'v', count: 2, reason: 'budget' },
      { from: 'x', to: 'x', count: 1, reason: 'error' },
    ]);
    expect(leftOutIn(prompt, failing)).toEqual([
      { id: 'u', reason: 'budget' },
      { id: 'v', reason: 'budget' },
      { id: 'x', reason: 'error' },
    ]);
  });
});

describe('the bound of characters', () => {
  const tokenizer = { ...oneEach, count: () => 1 };
  const half = 'x'.repeat(limits.promptCharactersMax / 2);

  it('leaves out the oldest turn when its characters are too many', () => {
    const path = [user('u', half), reply('a', half), user('v'), reply('b')];
    expect(entering({ path, tokenizer })).toEqual(['v', 'b', 'new']);
  });

  it('does not count the texts of replies that do not enter', () => {
    const path = [user('u'), reply('a'), user('v'), reply('w', half, 'error'), reply('x', half, 'error')];
    expect(entering({ path, tokenizer })).toEqual(['u', 'a', 'v', 'new']);
  });
});

describe('a message that is too long by itself', () => {
  it('is refused with the counts, whatever the history', () => {
    const huge = { ...draft, newest: user('N', 'x'.repeat(1_000)), ...room(500) };
    expect(assemblePrompt(aDraft(huge))).toMatchObject({ ok: false, overBudget: { prompt: 1_012, budget: 500 } });
  });

  it('so is a system text', () => {
    const huge = { ...draft, system: system('x'.repeat(1_000)), ...room(500) };
    expect(assemblePrompt(aDraft(huge))).toMatchObject({ ok: false, overBudget: { prompt: 1_012 } });
  });

  it('an answer that may be as long as everything leaves no room for a prompt', () => {
    const greedy = aDraft({ tokenBudget: 100, params: { max_completion_tokens: 200 } });
    expect(assemblePrompt(greedy)).toMatchObject({ ok: false, overBudget: { budget: 0, reserved: 200, limit: 100 } });
  });
});

describe('the budget', () => {
  it.each([
    ['the limit of the model, a quarter kept for the answer', 8_192, null, undefined, [6_144, 2_048, 8_192]],
    ['of a large model no more than 16,384', 128_000, null, undefined, [111_616, 16_384, 128_000]],
    ['tokenBudget in place of the limit', 128_000, 1_000, undefined, [750, 250, 1_000]],
    ['tokenBudget above the limit too', 8_192, 32_000, undefined, [24_000, 8_000, 32_000]],
    ['less what the settings allow the answer', 8_192, null, 192, [8_000, 192, 8_192]],
  ])('is %s', (_, contextLimit, tokenBudget, answerTokens, [budget, reserved, limit]) => {
    expect(allowanceOf(contextLimit, tokenBudget, answerTokens)).toEqual({ budget, reserved, limit });
  });
});

describe('counting', () => {
  it('stops where the budget is full, however long the history', () => {
    let counted = 0;
    const tokenizer = {
      ...oneEach,
      count(text: string) {
        counted++;
        return text.length;
      },
    };
    assembled({ path: history(5_000), tokenizer, ...room(200) });
    expect(counted).toBeLessThan(30);
  });
});

describe('any trimmed draft', () => {
  /** The slow way: every cut between two turns is tried, the longest that fits is taken. */
  function longestThatFits({ path }: WholeDraft, free: number): number {
    const begins = [...path.keys()].filter((place) => place === 0 || path[place]?.role === 'user');
    const enters = ({ status, text }: WholeDraft['path'][number]) =>
      status === undefined || (status !== 'error' && text !== '');
    const cost = (start: number) =>
      path
        .slice(start)
        .filter(enters)
        .reduce((sum, { text }) => sum + text.length + 4, 0);
    return begins.find((start) => cost(start) <= free) ?? path.length;
  }

  it('keeps the longest run of whole turns that fits, and never goes over', () => {
    let trimmed = 0;
    let refused = 0;
    fc.assert(
      fc.property(anyDraft, (draft) => {
        const assembly = assemblePrompt(draft);
        const fixed = [draft.system?.text ?? '', draft.newest.text].filter((text, place) => place > 0 || text !== '');
        const least = fixed.reduce((sum, text) => sum + text.length + 4, 3);
        if (!assembly.ok) {
          refused++;
          if (!('overBudget' in assembly)) throw new Error('no draft has newer content');
          expect(assembly.overBudget.prompt).toBe(least);
          expect(least).toBeGreaterThan(assembly.overBudget.budget);
          return;
        }
        const { tokens, trimmed: recorded } = assembly.prompt;
        expect(tokens.prompt).toBeLessThanOrEqual(tokens.budget);
        const gone = recorded.find(({ reason }) => reason === 'budget')?.count ?? 0;
        expect(gone).toBe(longestThatFits(draft, tokens.budget - least));
        if (gone > 0) trimmed++;
      }),
      { numRuns: 1_000 },
    );
    // Some 66 and 290 of 1,000 are: ten are missed by no choice of seeds.
    expect(trimmed).toBeGreaterThan(10);
    expect(refused).toBeGreaterThan(10);
  });
});
