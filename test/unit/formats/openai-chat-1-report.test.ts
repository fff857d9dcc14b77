import { describe, expect, it } from '@jest/globals';
import { Value } from '@sinclair/typebox/value';
import fc from 'fast-check';
import { RecordedUsage } from '../../../src/events/conversation-events.js';
import { finishReasonOf, usageOf } from '../../../src/formats/openai-chat-1.js';

describe('the usage of openai-chat@1', () => {
  it('has each number under its normalised name', () => {
    const reported = {
      prompt_tokens: 31,
      completion_tokens: 12,
      total_tokens: 43,
      prompt_tokens_details: { cached_tokens: 16, cache_write_tokens: 8, audio_tokens: 0 },
      completion_tokens_details: { reasoning_tokens: 4, audio_tokens: 0 },
      queue_time: 0.018,
    };
    expect(usageOf(reported)).toEqual({
      input: 31,
      output: 12,
      cachedRead: 16,
      cachedWrite: 8,
      reasoning: 4,
      total: 43,
    });
  });

  it.each([
    [{ prompt_tokens: 1, total_tokens: 'many' }, { input: 1 }],
    [{ prompt_tokens: '1', completion_tokens: 2 }, { output: 2 }],
    [{ prompt_tokens: 1.5, completion_tokens: -2, total_tokens: 0 }, { total: 0 }],
    [{ prompt_tokens: 2 ** 53, completion_tokens: 2 }, { output: 2 }],
    [{ prompt_tokens: 1, prompt_tokens_details: null }, { input: 1 }],
    [{ prompt_tokens: 1, prompt_tokens_details: { cached_tokens: null } }, { input: 1 }],
    [{ prompt_tokens: 1, prompt_tokens_details: [] }, { input: 1 }],
    [{ completion_tokens: 1, completion_tokens_details: 'none' }, { output: 1 }],
  ])('of %j has only what is a count', (reported, usage) => {
    expect(usageOf(reported)).toStrictEqual(usage);
  });

  it.each([['none'], [{ cached_tokens: '1' }], [{ cached_tokens: -1 }]])(
    'has no input when the cached part is %j: its price would be a guess',
    (prompt_tokens_details) => {
      expect(usageOf({ prompt_tokens: 3, completion_tokens: 2, prompt_tokens_details })).toStrictEqual({ output: 2 });
    },
  );

  it.each([[null], [{}], [{ prompt_tokens: 'x' }], [{ service: 'x' }]])('of %j is unknown', (reported) => {
    expect(usageOf(reported)).toBeNull();
  });

  it('is recordable, whatever a provider reports', () => {
    const details = fc.oneof(fc.jsonValue(), fc.dictionary(fc.constantFrom('cached_tokens', 'x'), fc.jsonValue()));
    const reported = fc.record(
      {
        prompt_tokens: fc.jsonValue(),
        completion_tokens: fc.jsonValue(),
        prompt_tokens_details: details,
        completion_tokens_details: details,
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(reported, (each) => {
        const usage = usageOf(each);
        expect(usage === null || Value.Check(RecordedUsage, usage)).toBe(true);
        expect(Object.values(usage ?? {}).every(Number.isSafeInteger)).toBe(true);
      }),
    );
  });
});

describe('the finish reason of openai-chat@1', () => {
  it('has one name for the call of a tool, in the present protocol and in the older one', () => {
    expect(['tool_calls', 'function_call'].map(finishReasonOf)).toEqual(['tool_calls', 'tool_calls']);
  });

  it.each(['stop', 'length', 'content_filter', 'eos_token', ''])('%j stays as it is', (reason) => {
    expect(finishReasonOf(reason)).toBe(reason);
  });
});
