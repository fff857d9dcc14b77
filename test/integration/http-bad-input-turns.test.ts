import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import {
  type BadTurns,
  type Case,
  deep,
  invalid,
  KIB,
  ruled,
  startBadTurns,
  text,
  tooLong,
} from '../support/bad-turns.js';
import { expectProblem } from '../support/expect-problem.js';

let turns: BadTurns;
beforeAll(async () => {
  turns = await startBadTurns();
});
afterAll(() => turns.chat.close());

const SAY = '{idle}/messages';
const content = 'Hi';
const OUT_OF_RANGE = [
  { temperature: 9 },
  { top_p: -0.1 },
  { max_tokens: 0 },
  { max_completion_tokens: 2 ** 53 },
  { stop: [] },
  { stop: '' },
  { presence_penalty: 3 },
];

describe('bad messages over HTTP', () => {
  const cases: Case[] = [
    ['no body', SAY, undefined, ...invalid('')],
    ['an empty body', SAY, '', ...invalid('')],
    ['JSON that is no object', SAY, '["Hi"]', ...invalid('')],
    ['null', SAY, 'null', ...invalid('')],
    ['broken JSON', SAY, '{"content":"Hi"', ...invalid('')],
    ['no content', SAY, {}, ...invalid('content')],
    ['null as content', SAY, { content: null }, ...invalid('content')],
    ['a number as content', SAY, { content: 1 }, ...invalid('content')],
    ['parts as content', SAY, { content: [{ type: 'text', text: 'Hi' }] }, ...invalid('content')],
    [
      'wrong types, all told',
      SAY,
      {
        content: {},
        parent: 1,
        kind: 'thought',
        revises: null,
        generate: 'true',
        expectPrompt: 'A'.repeat(64),
        whenBusy: null,
        model: 7,
        provider: null,
        params: [],
        role: 'system',
      },
      ...invalid(
        'content',
        'parent',
        'kind',
        'revises',
        'generate',
        'expectPrompt',
        'whenBusy',
        'model',
        'provider',
        'params',
        'role',
      ),
    ],
    [
      'wrong settings, all told',
      SAY,
      {
        content,
        params: {
          temperature: 3,
          top_p: '1',
          max_tokens: 0,
          max_completion_tokens: 1.5,
          stop: [],
          seed: null,
          presence_penalty: true,
          frequency_penalty: -3,
          reasoning_effort: 'huge',
          top_k: 1,
        },
      },
      ...invalid(
        'params.temperature',
        'params.top_p',
        'params.max_tokens',
        'params.max_completion_tokens',
        'params.stop',
        'params.seed',
        'params.presence_penalty',
        'params.frequency_penalty',
        'params.reasoning_effort',
        'params.top_k',
      ),
    ],
    ...OUT_OF_RANGE.map((params): Case => {
      const [name] = Object.keys(params);
      return [
        `a setting out of range, ${JSON.stringify(params)},`,
        SAY,
        { content, params },
        ...ruled(`params.${name}`),
      ];
    }),
    ['a setting of another type', SAY, { content, params: { temperature: '1' } }, ...invalid('params.temperature')],
    [
      'a setting out of range, and one of another type,',
      SAY,
      { content, params: { temperature: 9, seed: 1.5 } },
      ...invalid('params.temperature', 'params.seed'),
    ],
    ['null as settings', SAY, { content, params: null }, ...invalid('params')],
    ['a text as settings', SAY, { content, params: 'x' }, ...invalid('params')],
    ['a number as generate', SAY, { content, generate: 1 }, ...invalid('generate')],
    ['half a hash', SAY, { content, expectPrompt: 'a'.repeat(32) }, ...invalid('expectPrompt')],
    ['a token budget for one turn', SAY, { content, tokenBudget: 10 }, ...invalid('tokenBudget')],
    ['another origin', SAY, { content, origin: 'client' }, ...invalid('origin')],
    ['an inherited name', SAY, { content, constructor: 'x' }, ...invalid('constructor')],
    ['an inherited setting', SAY, { content, params: { toString: 1 } }, ...invalid('params.toString')],
    ['a duplicate key', SAY, '{"content":"Hi","content":"Ho"}', ...invalid('content')],
    ['a duplicate setting', SAY, '{"content":"Hi","params":{"seed":1,"seed":2}}', ...invalid('params.seed')],
    ['__proto__', SAY, '{"content":"Hi","__proto__":{"kind":"note"}}', ...invalid('__proto__')],
    ['__proto__ further in', SAY, '{"content":"Hi","params":{"__proto__":{}}}', ...invalid('params.__proto__')],
    ['200,000-deep JSON', SAY, deep(200_000), 400, 'invalid_request'],
    ['200,000-deep settings', SAY, `{"content":"Hi","params":{"stop":${deep(200_000)}}}`, 400, 'invalid_request'],
    ['more than 1 MiB', SAY, { content: text(1024 * KIB) }, 413, 'body_too_large'],
    ['more than 256 KiB', SAY, { content: text(256 * KIB + 1) }, ...tooLong(256 * KIB + 1, 256 * KIB)],
    ['more than 256 KiB in UTF-8', SAY, { content: 'é'.repeat(128 * KIB + 1) }, ...tooLong(256 * KIB + 2, 256 * KIB)],
    [
      // As text it is short enough, and as JSON larger than anything that the log takes.
      'control characters that fill the body',
      SAY,
      { content: '\u0001'.repeat(174_000) },
      ...tooLong(174_000 * 6 + 2, 900 * KIB),
    ],
    ['an empty text', SAY, { content: '' }, 422, 'content_empty'],
    ['spaces', SAY, { content: ' \n\t\u2003' }, 422, 'content_empty'],
    ['NUL', SAY, { content: 'a\0b' }, 422, 'text_malformed'],
    ['half a pair', SAY, '{"content":"\\ud83d"}', 422, 'text_malformed'],
    ['the other half', SAY, '{"content":"\\udc4dx"}', 422, 'text_malformed'],
    ['half a pair in raw bytes', SAY, Buffer.from('{"content":"\xed\xa0\xbd"}', 'latin1'), ...invalid('')],
    ['NUL in a stop', SAY, { content, params: { stop: ['a', 'b\0'] } }, ...ruled('params.stop')],
    ['half a pair in a stop', SAY, '{"content":"Hi","params":{"stop":"\\ud83d"}}', ...ruled('params.stop')],
    ['an empty model', SAY, { content, model: '' }, ...ruled('model')],
    ['a model with spaces', SAY, { content, model: 'gpt 4' }, ...ruled('model')],
    ['NUL in a model', SAY, { content, model: 'gpt\0' }, ...ruled('model')],
    ['half a pair in a model', SAY, '{"content":"Hi","model":"\\ud83d"}', ...ruled('model')],
    ['a long model', SAY, { content, model: text(201) }, ...ruled('model')],
    ['a provider with spaces', SAY, { content, provider: ' ' }, ...ruled('provider')],
    [
      'a provider that is not configured',
      SAY,
      { content, provider: 'openai' },
      422,
      'provider_not_configured',
      { more: { provider: 'openai' } },
    ],
    [
      'a provider of the prototype',
      SAY,
      { content, provider: '__proto__' },
      422,
      'provider_not_configured',
      { more: { provider: '__proto__' } },
    ],
    ['an unknown parent', SAY, { content, parent: 'nothing' }, 422, 'parent_not_found'],
    ['a parent that every object has', SAY, { content, parent: 'constructor' }, 422, 'parent_not_found'],
    ['a note as parent', SAY, { content, parent: '{note}' }, 422, 'parent_is_note'],
    ['a parent of another conversation', SAY, { content, parent: '{open}' }, 422, 'parent_not_found'],
    ['an unknown message to revise', SAY, { content, revises: 'nothing' }, 404, 'message_not_found'],
    ['a reply to revise', SAY, { content, revises: '{reply}' }, 404, 'message_not_found'],
    ['a revision elsewhere', SAY, { content, revises: '{message}', parent: '{reply}' }, 422, 'revision_mismatch'],
    ['a revision of another kind', SAY, { content, revises: '{message}', kind: 'note' }, 422, 'revision_mismatch'],
    ['text', SAY, 'Hi', 415, 'unsupported_media_type', { headers: { 'content-type': 'text/plain' } }],
  ];
  it.each(cases)('answers %s as it should, and appends nothing', (...each) => turns.check('POST', each));
});

describe('bad turns over HTTP', () => {
  const edit = '{idle}/messages/{message}/edit';
  const cases: Case[] = [
    ['an edit of nothing', '{idle}/messages/nothing/edit', { content }, 404, 'message_not_found'],
    ['an edit of a reply', '{idle}/messages/{reply}/edit', { content }, 404, 'message_not_found'],
    ['an edit of another conversation', '{busy}/messages/{message}/edit', { content }, 404, 'message_not_found'],
    ['an edit without a text', edit, {}, ...invalid('content')],
    ['an edit to nothing', edit, { content: '' }, 422, 'content_empty'],
    [
      'an edit with a place',
      edit,
      { content, parent: null, revises: 'x', kind: 'note' },
      ...invalid('parent', 'revises', 'kind'),
    ],
    ['an answer to nothing', '{idle}/messages/nothing/generate', {}, 404, 'message_not_found'],
    ['an answer to a note', '{idle}/messages/{note}/generate', {}, 422, 'message_is_note'],
    ['a second first answer', '{idle}/messages/{message}/generate', {}, 422, 'already_replied'],
    ['an answer with a text', '{idle}/messages/{message}/generate', { content }, ...invalid('content')],
    ['another try of nothing', '{idle}/generations/nothing/regenerate', {}, 404, 'generation_not_found'],
    ['another try of a message', '{idle}/generations/{message}/regenerate', {}, 404, 'generation_not_found'],
    ['another try with a text', '{idle}/generations/{reply}/regenerate', { content }, ...invalid('content')],
    ['another try of an array', '{idle}/generations/{reply}/regenerate', '[]', ...invalid('')],
    [
      'another try while the first goes on',
      '{busy}/generations/{open}/regenerate',
      {},
      409,
      'conversation_busy',
      { more: { generationId: expect.any(String) } },
    ],
    [
      'another try of what has not begun',
      '{busy}/generations/{queued}/regenerate',
      { whenBusy: 'enqueue' },
      422,
      'nothing_to_regenerate',
    ],
    ['a cancel of nothing', '{idle}/generations/nothing/cancel', undefined, 404, 'generation_not_found'],
    ['a cancel of another conversation', '{idle}/generations/{open}/cancel', {}, 404, 'generation_not_found'],
    ['a cancel with a reason', '{busy}/generations/{open}/cancel', { reason: 'x' }, ...invalid('reason')],
    ['a cancel with an array', '{busy}/generations/{open}/cancel', '[]', ...invalid('')],
    ['a cancel of null', '{busy}/generations/{open}/cancel', 'null', ...invalid('')],
    ['a turn of nobody’s', '{theirs}/messages', { content }, 404, 'conversation_not_found'],
    [
      'an expected prompt that cannot be known',
      '{busy}/messages',
      { content, whenBusy: 'enqueue', expectPrompt: 'a'.repeat(64) },
      422,
      'prompt_not_known_yet',
    ],
    [
      'an expected prompt that is another one',
      SAY,
      { content, expectPrompt: 'a'.repeat(64) },
      409,
      'prompt_changed',
      { more: { preview: expect.any(Object) } },
    ],
    ['a preview of nothing', '{idle}/preview', undefined, 422, 'content_empty'],
    ['a preview of a note', '{idle}/preview', { content, kind: 'note' }, ...invalid('kind')],
    ['a preview that waits', '{idle}/preview', { content, whenBusy: 'enqueue' }, ...invalid('whenBusy')],
    ['a preview of an unknown try', '{idle}/preview', { regenerate: 'nothing' }, 404, 'generation_not_found'],
    ['a preview with null', '{idle}/preview', { content: null, regenerate: null }, ...invalid('content', 'regenerate')],
  ];
  it.each(cases)('answers %s as it should, and appends nothing', (...each) => turns.check('POST', each));

  it('has the counts of a prompt that does not fit', async () => {
    const id = await turns.chat.started({ tokenBudget: 40 });
    const tokens = {
      prompt: expect.any(Number),
      budget: 30,
      reserved: 10,
      limit: 40,
      estimated: false,
      encoding: 'o200k_base',
    };
    const events = await turns.chat.eventCount();
    for (const route of ['messages', 'preview']) {
      const answer = await turns.chat.post(`${id}/${route}`, { content: 'word '.repeat(100), model: 'gpt-4o' });
      expectProblem(answer, 422, 'prompt_over_budget', { tokens });
    }
    expect(await turns.chat.eventCount()).toBe(events);
  });
});
