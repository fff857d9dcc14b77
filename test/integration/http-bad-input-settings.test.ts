import { afterAll, beforeAll, describe, it } from '@jest/globals';
import { type BadTurns, type Case, invalid, KIB, ruled, startBadTurns, text, tooLong } from '../support/bad-turns.js';

let turns: BadTurns;
beforeAll(async () => {
  turns = await startBadTurns();
});
afterAll(() => turns.chat.close());

describe('bad settings over HTTP', () => {
  const cases: Case[] = [
    ['JSON that is no object', '', '[]', ...invalid('')],
    [
      'wrong types, all told',
      '',
      {
        title: 1,
        system: [],
        model: {},
        provider: false,
        params: 'x',
        tokenBudget: '1',
        whenBusy: 'never',
        owner: 'x',
      },
      ...invalid('title', 'system', 'model', 'provider', 'params', 'tokenBudget', 'whenBusy', 'owner'),
    ],
    ['half a token', '', { tokenBudget: 1.5 }, ...invalid('tokenBudget')],
    ['a setting of null', '', { params: { seed: null } }, ...invalid('params.seed')],
    ['an unknown setting', '', { params: { stream: false } }, ...invalid('params.stream')],
    ['no tokens', '', { tokenBudget: 0 }, ...ruled('tokenBudget')],
    ['fewer tokens', '', { tokenBudget: -1 }, ...ruled('tokenBudget')],
    ['all tokens there are', '', { tokenBudget: 2 ** 31 }, ...ruled('tokenBudget')],
    ['a setting out of range', '', { params: { top_p: 2 } }, ...ruled('params.top_p')],
    ['a long title', '', { title: text(501) }, ...ruled('title')],
    ['a model of spaces', '', { model: ' ' }, ...ruled('model')],
    ['a broken rule and a wrong type', '', { model: ' ', title: 1 }, ...invalid('model', 'title')],
    ['NUL in a title', '', { title: '\0' }, 422, 'text_malformed'],
    ['half a pair in a title', '', '{"title":"\\ud83d"}', 422, 'text_malformed'],
    ['NUL in a system text', '', { system: 'a\0' }, 422, 'text_malformed'],
    ['half a pair in a system text', '', '{"system":"\\udc4d"}', 422, 'text_malformed'],
    ['a long system text', '', { system: text(256 * KIB + 1) }, ...tooLong(256 * KIB + 1, 256 * KIB)],
    [
      'a system text that is long as JSON',
      '',
      { system: '\u0001'.repeat(174_000) },
      ...tooLong(174_000 * 6 + 2, 900 * KIB),
    ],
  ];
  it.each(cases)('answers %s as it should, and starts nothing', (...each) => turns.check('POST', each));
  it.each(cases)('answers %s as it should, and changes nothing', (what, _, ...rest) =>
    turns.check('PATCH', [what, '{idle}', ...rest]),
  );

  const changes: Case[] = [
    ['no body', '{idle}', undefined, ...invalid('')],
    ['null as archived', '{idle}', { archived: null }, ...invalid('archived')],
    ['a number as archived', '{idle}', { archived: 1 }, ...invalid('archived')],
  ];
  it.each(changes)('answers %s as it should, and changes nothing', (...each) => turns.check('PATCH', each));

  const branches: Case[] = [
    ['no leaf', '{idle}/branch', {}, ...invalid('leaf')],
    ['null as leaf', '{idle}/branch', { leaf: null }, ...invalid('leaf')],
    ['an unknown leaf', '{idle}/branch', { leaf: 'nothing' }, 422, 'leaf_not_found'],
    ['a note as leaf', '{idle}/branch', { leaf: '{note}' }, 422, 'leaf_is_note'],
  ];
  it.each(branches)('answers %s as it should, and selects nothing', (...each) => turns.check('PUT', each));
});

describe('a bad idempotency key', () => {
  it.each([
    ['nothing', ''],
    ['a space', 'a b'],
    ['another alphabet', 'schl\u00fcssel'],
    ['a control character', 'a\x7f'],
    ['201 characters', 'a'.repeat(201)],
  ])('is named: %s', async (_, key) => {
    for (const path of ['', '{idle}/messages', '{busy}/generations/{open}/cancel']) {
      const body = path === '{idle}/messages' ? { content: 'Hi' } : {};
      await turns.check('POST', [
        '',
        path,
        body,
        400,
        'invalid_request',
        { paths: ['Idempotency-Key'], headers: { 'idempotency-key': key } },
      ]);
    }
  });
});
