import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ModelFailure } from '../../src/ports/language-model.js';
import { type Chat, CONVERSATIONS, startChat, type Turn } from '../support/chat.js';
import { wholeStream } from '../support/new-events.js';
import { recordedSpans } from '../support/recorded-spans.js';
import { content, finished } from '../support/scripted-model.js';
import { until } from '../support/until.js';

const TRACE = 'ab'.repeat(16);
const traceparent = `00-${TRACE}-${'cd'.repeat(8)}-01`;

let chat: Chat;
let spans: ReturnType<typeof recordedSpans>;
beforeEach(async () => {
  chat = await startChat();
  spans = recordedSpans();
});
afterEach(() => chat.close());

/** What each event of a stream says of its trace. */
const tracesOf = async (stream: string) => {
  const events = await wholeStream(chat.engines.log, stream);
  return events.map(({ type, meta }) => {
    const { correlationId, traceparent: parent = null } = JSON.parse(meta);
    return [type, correlationId, parent];
  });
};
const turnOf = async (headers: Record<string, string>) => {
  const id = await chat.started();
  const { json } = await chat.post(`${CONVERSATIONS}/${id}/messages`, { content: 'Hi' }, { headers });
  const { generationId } = json as Turn;
  await chat.ended(id, generationId);
  return {
    ledger: (await tracesOf(`conversation-${id}`)).slice(1),
    tape: await tracesOf(`generation-${generationId}`),
  };
};

describe('the trace of a turn', () => {
  it('is on every event of the turn; only events of the request itself have its traceparent', async () => {
    const { ledger, tape } = await turnOf({ traceparent });
    expect(ledger).toEqual([
      ['MessageSent', TRACE, traceparent],
      ['GenerationRequested', TRACE, traceparent],
      ['PromptAssembled', TRACE, traceparent],
      ['GenerationFinalized', TRACE, null],
    ]);
    expect(tape.map(([type]) => type)).toEqual(expect.arrayContaining(['GenerationClaimed', 'AttemptEnded']));
    expect(tape.map(([, trace, parent]) => [trace, parent])).toEqual(tape.map(() => [TRACE, null]));
  });

  it('is a new one when the traceparent of the request is malformed, and the malformed text is not stored', async () => {
    const { ledger, tape } = await turnOf({ traceparent: `${traceparent}-secret` });
    const traces = [...ledger, ...tape];
    expect(new Set(traces.map(([, trace]) => trace)).size).toBe(1);
    expect(traces[0]?.[1]).toMatch(/^[0-9a-f]{32}$/);
    expect(JSON.stringify(traces)).not.toMatch(/secret|abab/);
  });
});

describe('the trace of a turn in a process that exports spans', () => {
  const withSpans = async (play?: Parameters<typeof startChat>[1]) => {
    await chat.close();
    chat = await startChat({}, play, spans.tracer);
  };
  const called = (name: string) => spans.ended().find((span) => span.name === name);
  const REQUEST = 'POST /api/v1/conversations/:id/messages';

  it('is named in each event by the span that caused it: the request, and then the generation', async () => {
    await withSpans();
    const { ledger, tape } = await turnOf({ traceparent });
    await until(() => called(REQUEST) !== undefined && called('generation') !== undefined);
    const ofRequest = `00-${TRACE}-${called(REQUEST)?.spanId}-01`;
    const ofGeneration = `00-${TRACE}-${called('generation')?.spanId}-01`;
    expect(ledger).toEqual([
      ['MessageSent', TRACE, ofRequest],
      ['GenerationRequested', TRACE, ofRequest],
      ['PromptAssembled', TRACE, ofRequest],
      ['GenerationFinalized', TRACE, ofGeneration],
    ]);
    expect(tape.map(([, trace, parent]) => [trace, parent])).toEqual(tape.map(() => [TRACE, ofGeneration]));
    expect(called(REQUEST)?.parentSpanId).toBe('cd'.repeat(8));
  });

  it('is the one that the answer names when the request brought none', async () => {
    await withSpans();
    const { ledger } = await turnOf({});
    await until(() => called(REQUEST) !== undefined);
    const [, trace, parent] = ledger[0] ?? [];
    expect(called(REQUEST)).toMatchObject({ traceId: trace, parentSpanId: undefined });
    expect(parent).toBe(`00-${trace}-${called(REQUEST)?.spanId}-01`);
  });

  it('is not recorded when the client does not record it, and the events say so', async () => {
    await withSpans();
    const { ledger, tape } = await turnOf({ traceparent: traceparent.replace(/01$/, '00') });
    for (const [, trace, parent] of [...ledger, ...tape])
      expect([trace, parent]).toEqual([TRACE, expect.stringMatching(/-00$/)]);
    expect(spans.ended().filter(({ traceId }) => traceId === TRACE)).toEqual([]);
  });

  it('has a span for each attempt, with the kind of its failure', async () => {
    let calls = 0;
    await withSpans(async function* () {
      calls += 1;
      if (calls === 1)
        throw new ModelFailure('rate_limited', 'quotes the question', {
          retryable: true,
          providerStatus: 429,
          retryAfterMs: 0,
        });
      yield content('at last');
      yield finished({ prompt_tokens: 3 });
    });
    await turnOf({ traceparent });
    await until(() => called('generation') !== undefined);
    const attempts = spans.ended().filter(({ name }) => name === 'chat demo');
    expect(
      attempts.map(({ parentSpanId, isError, attributes }) => [
        parentSpanId,
        isError,
        attributes['error.type'],
        attributes['verbatim.attempt.number'],
      ]),
    ).toEqual([
      [called('generation')?.spanId, true, 'rate_limited', 1],
      [called('generation')?.spanId, false, undefined, 2],
    ]);
    expect(JSON.stringify(spans.ended())).not.toMatch(/quotes|at last/);
  });

  it('names a request that no route takes by its method alone', async () => {
    await withSpans();
    await chat.call('GET', '/secret-path');
    await chat.call('GET', '/secret-path/%');
    await until(() => spans.ended().filter(({ name }) => name === 'GET').length === 2);
    expect(JSON.stringify(spans.ended())).not.toContain('secret');
  });
});
