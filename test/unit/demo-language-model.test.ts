import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { DemoLanguageModel, quoted } from '../../src/adapters/demo/demo-language-model.js';
import { askedFor, callOf, outcomeOf } from '../support/model-outputs.js';

const pauses: number[] = [];
const model = new DemoLanguageModel({
  async sleep(milliseconds) {
    pauses.push(milliseconds);
  },
});

describe('the demo model', () => {
  it('names itself, the question, the recorded data and what to try', async () => {
    const call = callOf(
      JSON.stringify({
        model: 'demo',
        messages: [
          { role: 'system', content: 'Be brief.' },
          { role: 'user', content: 'Who signed?' },
          { role: 'assistant', content: 'Ada.' },
          { role: 'user', content: 'When,\nexactly? 👩‍🚀' },
        ],
      }),
    );
    const { content, finished, failure } = await outcomeOf(model, call);
    expect(failure).toBeUndefined();
    for (const part of [
      'Verbatim demo model, no provider is configured',
      'You wrote: `When, exactly? 👩‍🚀`',
      `4 messages, ${Buffer.byteLength(call.body)} bytes`,
      call.bodySha256,
      'Regenerate',
      'Edit',
      'Travel back',
    ]) {
      expect(content).toContain(part);
    }
    const input = Math.ceil(Buffer.byteLength(call.body) / 4);
    const output = Math.ceil(Buffer.byteLength(content) / 4);
    expect(finished).toEqual({
      type: 'finished',
      finishReason: 'stop',
      modelServed: 'demo',
      usage: { input, output, total: input + output },
      usageRaw: null,
    });
  });

  it('comes in small pieces with a pause before each, and is the same every time', async () => {
    pauses.length = 0;
    const { outputs } = await outcomeOf(model, askedFor('Hello?'));
    const texts = outputs.slice(0, -1);
    expect(texts.length).toBeGreaterThanOrEqual(10);
    expect(texts.length).toBeLessThanOrEqual(30);
    expect(texts).toEqual(texts.map(() => ({ type: 'text', channel: 'content', text: expect.stringMatching(/\S/) })));
    expect(pauses).toHaveLength(texts.length);
    expect(Math.min(...pauses)).toBeGreaterThan(0);
    expect((await outcomeOf(model, askedFor('Hello?'))).outputs).toEqual(outputs);
  });

  it.each([
    ['no message', '{"model":"demo","messages":[]}'],
    ['nothing but a body', '{}'],
    ['content in parts', '{"messages":[{"role":"user","content":[{"type":"text","text":"a"}]}]}'],
  ])('answers to %s too', async (_, body) => {
    const { content, finished } = await outcomeOf(model, callOf(body));
    expect(content).toContain('You wrote: nothing.');
    expect(finished?.modelServed).toBe('demo');
  });

  it('ends at once when aborted, without an error', async () => {
    const leaving = new AbortController();
    const { signal } = leaving;
    const outcome = await outcomeOf(model, askedFor('Hello?'), { signal, each: async () => leaving.abort() });
    expect([outcome.outputs.length, outcome.finished, outcome.failure]).toEqual([1, undefined, undefined]);
    expect((await outcomeOf(model, askedFor('Hello?'), { signal })).outputs).toEqual([]);
  });

  it('says nothing to a body that is not the recorded one', async () => {
    const { outputs, failure } = await outcomeOf(model, { ...askedFor('Hello?'), body: askedFor('Hello.').body });
    expect(outputs).toEqual([]);
    expect(failure).toMatchObject({ kind: 'prompt_mismatch', details: { retryable: false } });
  });
});

describe('a quotation', () => {
  it.each([
    ['Hello', '`Hello`'],
    ['a `b` ``c``', '``` a `b` ``c`` ```'],
    ['<script>alert(1)</script> **b** [c](d)', '`<script>alert(1)</script> **b** [c](d)`'],
    [' a\n\n# b\u0000\u202Ec ', '`a # b c`'],
    ['🚀'.repeat(200), `\`${'🚀'.repeat(160)} …\``],
    [' \n', 'nothing.'],
  ])('of %j', (text, expected) => {
    expect(quoted(text)).toBe(expected);
  });

  it('is one line, with a fence that it does not contain', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('`', 'a', '\n', ' ', '<', '\\', '\r', '🚀') }), (text) => {
        const quotation = quoted(text);
        expect(quotation).not.toMatch(/[\n\r]/);
        const [, fence = '', inside = ''] = /^(`+)(?!`)(.*?)(?<!`)\1$/u.exec(quotation) ?? [];
        expect(quotation === 'nothing.' || fence.length > 0).toBe(true);
        expect(inside.match(/`+/g) ?? []).not.toContain(fence);
      }),
    );
  });
});
