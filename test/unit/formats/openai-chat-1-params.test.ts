import { describe, expect, it } from '@jest/globals';
import { integerFrom, paramMistakes } from '../../../src/formats/body-format.js';
import { answerTokensIn, openAiChat1Params } from '../../../src/formats/openai-chat-1.js';

const efforts = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'];
const accepted: Record<string, unknown[]> = {
  temperature: [0, 0.7, 2],
  top_p: [0, 0.1, 1],
  max_tokens: [1, 4_096],
  max_completion_tokens: [1, 100_000],
  stop: ['END', '\n', ['a'], ['a', 'b', 'c', 'd']],
  seed: [0, -7, Number.MAX_SAFE_INTEGER],
  presence_penalty: [-2, 0, 2],
  frequency_penalty: [-2, 0, 2],
  reasoning_effort: efforts,
};
const ofAnotherType: Record<string, unknown[]> = {
  temperature: ['1', null, true],
  top_p: ['1', [0.5]],
  max_tokens: [1.5, '100'],
  max_completion_tokens: [1.5, [1]],
  stop: [['a', 1], 7, { a: 'b' }, null],
  seed: [0.5, '7'],
  presence_penalty: ['0'],
  frequency_penalty: [{}],
  reasoning_effort: ['', 'huge', 1, ['low']],
};
const outOfRange: Record<string, unknown[]> = {
  temperature: [-0.1, 2.1, 9, Number.NaN],
  top_p: [-0.1, 1.1, Number.POSITIVE_INFINITY],
  max_tokens: [0, -1, 2 ** 53],
  max_completion_tokens: [0],
  stop: ['', [], ['a', 'b', 'c', 'd', 'e'], [''], 'x'.repeat(257), 'a\0', ['a', '\ud83d']],
  seed: [1e300],
  presence_penalty: [-2.1, 2.1],
  frequency_penalty: [-2.1, 2.1],
};
const each = (table: Record<string, unknown[]>) =>
  Object.entries(table).flatMap(([name, values]) => values.map((value): [string, unknown] => [name, value]));

describe('the settings of openai-chat@1', () => {
  it.each(each(accepted))('%s may be %j', (name, value) => {
    expect(paramMistakes(openAiChat1Params, { [name]: value })).toEqual([]);
  });

  it.each([
    ...each(ofAnotherType).map((one) => [...one, 'type'] as const),
    ...each(outOfRange).map((one) => [...one, 'value'] as const),
  ])('%s may not be %j: it is the %s', (name, value, about) => {
    expect(paramMistakes(openAiChat1Params, { [name]: value })).toEqual([
      { path: `/${name}`, message: expect.stringMatching(/^must be /), about },
    ]);
  });

  it('are never anything else', () => {
    const params = JSON.parse('{"stream":true,"__proto__":{},"constructor":1,"a/b~c":1,"seed":1}');
    const unknown = { message: 'is not an allowed setting', about: 'name' };
    expect(paramMistakes(openAiChat1Params, params)).toEqual([
      { path: '/stream', ...unknown },
      { path: '/__proto__', ...unknown },
      { path: '/constructor', ...unknown },
      { path: '/a~1b~0c', ...unknown },
    ]);
  });

  it('name every mistake at once', () => {
    expect(paramMistakes(openAiChat1Params, { temperature: 3, top_p: 'x', n: 2 }).map(({ path }) => path)).toEqual([
      '/temperature',
      '/top_p',
      '/n',
    ]);
  });
});

describe('the length of an answer', () => {
  it.each([
    [{}, undefined],
    [{ max_tokens: 192 }, 192],
    [{ max_completion_tokens: 92 }, 92],
    [{ max_tokens: 192, max_completion_tokens: 92 }, 92],
  ])('that %j allow is %s', (params, tokens) => {
    expect(answerTokensIn(params)).toBe(tokens);
  });
});

it('another table allows other settings', () => {
  const table = new Map([['max_output_tokens', integerFrom(16)]]);
  expect(paramMistakes(table, { max_output_tokens: 16 })).toEqual([]);
  expect(paramMistakes(table, { max_output_tokens: 15, max_tokens: 1 })).toEqual([
    { path: '/max_output_tokens', message: 'must be an integer from 16 on', about: 'value' },
    { path: '/max_tokens', message: 'is not an allowed setting', about: 'name' },
  ]);
});
