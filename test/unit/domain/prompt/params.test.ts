import { describe, expect, it } from '@jest/globals';
import { paramMistakes } from '../../../../src/domain/prompt/params.js';

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
const refused: Record<string, unknown[]> = {
  temperature: [-0.1, 2.1, '1', null, true, Number.NaN],
  top_p: [-0.1, 1.1, '1', Number.POSITIVE_INFINITY],
  max_tokens: [0, -1, 1.5, '100', 2 ** 53],
  max_completion_tokens: [0, 1.5, [1]],
  stop: ['', [], ['a', 'b', 'c', 'd', 'e'], ['a', 1], [''], 7, { a: 'b' }, 'x'.repeat(257)],
  seed: [0.5, '7', 1e300],
  presence_penalty: [-2.1, 2.1, '0'],
  frequency_penalty: [-2.1, 2.1, {}],
  reasoning_effort: ['', 'huge', 1, ['low']],
};
const each = (table: Record<string, unknown[]>) =>
  Object.entries(table).flatMap(([name, values]) => values.map((value): [string, unknown] => [name, value]));

describe('the settings of a request', () => {
  it.each(each(accepted))('%s may be %j', (name, value) => {
    expect(paramMistakes({ [name]: value })).toEqual([]);
  });

  it.each(each(refused))('%s may not be %j', (name, value) => {
    expect(paramMistakes({ [name]: value })).toEqual([
      { path: `/${name}`, message: expect.stringMatching(/^must be /) },
    ]);
  });

  it('are never anything else', () => {
    const params = JSON.parse('{"stream":true,"__proto__":{},"constructor":1,"a/b~c":1,"seed":1}');
    const message = 'is not an allowed setting';
    expect(paramMistakes(params)).toEqual([
      { path: '/stream', message },
      { path: '/__proto__', message },
      { path: '/constructor', message },
      { path: '/a~1b~0c', message },
    ]);
  });

  it('name every mistake at once', () => {
    expect(paramMistakes({ temperature: 3, top_p: 'x', n: 2 }).map(({ path }) => path)).toEqual([
      '/temperature',
      '/top_p',
      '/n',
    ]);
  });
});
