import { describe, expect, it } from '@jest/globals';
import { SpanKind } from '@opentelemetry/api';
import { AlwaysOffSampler } from '@opentelemetry/sdk-trace-base';
import type { Position, RecordedEvent } from '../../../src/events/envelope.js';
import type { AttemptBegun, GenerationTraced, RequestBegun } from '../../../src/ports/tracer.js';
import { recordedSpans } from '../../support/recorded-spans.js';

const TRACE = 'ab'.repeat(16);
const CLIENT = 'cd'.repeat(8);
const traceparent = `00-${TRACE}-${CLIENT}-01`;

const request: RequestBegun = {
  traceId: TRACE,
  traceparent,
  method: 'POST',
  route: '/api/v1/conversations/:id/messages',
  scheme: 'https',
  httpVersion: '1.1',
  localAddress: '10.0.0.7',
  localPort: 3000,
};
const attempt: AttemptBegun = {
  generation: 'g-1',
  conversation: 'c-1',
  asked: { correlationId: TRACE, traceparent },
  number: 2,
  prompt: {
    provider: 'openai',
    model: 'gpt-4o-mini',
    params: { temperature: 0.5, top_p: 0.9, max_tokens: 7, seed: 3, stop: ['a secret'], reasoning_effort: 'low' },
  },
};
const completed = {
  deltas: 4,
  firstTextAt: null,
  end: {
    outcome: 'completed',
    finishReason: 'stop',
    modelServed: 'gpt-4o-mini-2024-07-18',
    usage: { input: 20, output: 8, total: 28, cachedRead: 16, cachedWrite: 4, reasoning: 5 },
    response: { id: 'chatcmpl-1' },
  },
} as const;
const end = { status: 'final', model: 'gpt-4o-mini', ttftMs: 250, durationMs: 900 } as const;
const counts = { promptTokens: 20, completionTokens: 8, cost: null };
const ended: GenerationTraced = {
  ...{ generation: 'g-1', conversation: 'c-1', asked: attempt.asked, askedAt: '2026-01-02T03:04:05.678Z' },
  ...{ end: { ...end, ...counts }, attempt: 2, errorKind: null },
};

describe('the span of a request', () => {
  it('has the pattern of the route and the stable attributes of HTTP, and the client as its parent', () => {
    const { tracer, ended } = recordedSpans();
    const span = tracer.requestBegun(request);
    expect(ended()).toEqual([]);
    span.end(202);
    const [only] = ended();
    expect(only).toMatchObject({
      name: 'POST /api/v1/conversations/:id/messages',
      kind: SpanKind.SERVER,
      traceId: TRACE,
      parentSpanId: CLIENT,
      isError: false,
    });
    expect(only?.attributes).toEqual({
      'http.request.method': 'POST',
      'http.route': '/api/v1/conversations/:id/messages',
      'http.response.status_code': 202,
      'url.scheme': 'https',
      'network.protocol.version': '1.1',
      'server.address': '10.0.0.7',
      'server.port': 3000,
    });
    expect(span.traceparent).toBe(`00-${TRACE}-${only?.spanId}-01`);
  });

  it('begins the trace by which answers and logs name the request, when the client brought none', () => {
    const { tracer, ended } = recordedSpans();
    tracer.requestBegun({ ...request, traceparent: undefined }).end(200);
    tracer.requestBegun({ ...request, traceparent: undefined, traceId: 'ef'.repeat(16) }).end(200);
    expect(ended().map(({ traceId, parentSpanId }) => [traceId, parentSpanId])).toEqual([
      [TRACE, undefined],
      ['ef'.repeat(16), undefined],
    ]);
    expect(new Set(ended().map(({ spanId }) => spanId)).size).toBe(2);
  });

  it('is an error from 500 on, and without a status when the client left before the answer', () => {
    const { tracer, ended } = recordedSpans();
    for (const status of [404, 503, undefined]) tracer.requestBegun(request).end(status);
    expect(ended().map(({ isError, attributes }) => [isError, attributes['error.type']])).toEqual([
      [false, undefined],
      [true, '503'],
      [false, undefined],
    ]);
    expect(ended().at(-1)?.attributes).not.toHaveProperty('http.response.status_code');
  });

  it('names no method that a client made up, and no route where there is none', () => {
    const { tracer, ended } = recordedSpans();
    tracer.requestBegun({ ...request, method: 'SECRET', route: undefined }).end(404);
    expect(ended()[0]).toMatchObject({ name: 'HTTP', attributes: { 'http.request.method': '_OTHER' } });
    expect(JSON.stringify(ended())).not.toContain('SECRET');
  });

  it('is not recorded when the client does not record its trace, and events say so', () => {
    const { tracer, ended } = recordedSpans();
    const span = tracer.requestBegun({ ...request, traceparent: `00-${TRACE}-${CLIENT}-00` });
    span.end(200);
    expect(span.traceparent).toMatch(new RegExp(`^00-${TRACE}-[0-9a-f]{16}-00$`));
    expect(ended()).toEqual([]);
  });
});

describe('the spans of a generation', () => {
  it('are the same in each process: one may make the attempts, and another one the end', () => {
    const [first, second] = [recordedSpans(), recordedSpans()];
    first.tracer.attemptBegun({ ...attempt, number: 1 }).end(undefined);
    second.tracer.attemptBegun(attempt).end(completed);
    second.tracer.generationEnded(ended);
    const [, whole] = second.ended();
    expect(whole).toMatchObject({ name: 'generation', kind: SpanKind.INTERNAL, traceId: TRACE, parentSpanId: CLIENT });
    const attempts = [...first.ended(), ...second.ended().slice(0, 1)];
    expect(attempts.map(({ traceId, parentSpanId }) => [traceId, parentSpanId])).toEqual([
      [TRACE, whole?.spanId],
      [TRACE, whole?.spanId],
    ]);
    expect(first.tracer.generationParent('g-1', attempt.asked)).toBe(`00-${TRACE}-${whole?.spanId}-01`);
    expect(first.tracer.generationParent('g-2', attempt.asked)).not.toContain(String(whole?.spanId));
  });

  it('begin when it was asked for, and say how it ended', () => {
    const { tracer, ended: spans } = recordedSpans();
    tracer.generationEnded(ended);
    expect(spans()[0]?.startMs).toBe(Date.parse(ended.askedAt));
    expect(spans()[0]?.attributes).toEqual({
      'verbatim.generation.id': 'g-1',
      'gen_ai.conversation.id': 'c-1',
      'gen_ai.request.model': 'gpt-4o-mini',
      'verbatim.generation.status': 'final',
      'verbatim.generation.attempts': 2,
      'verbatim.generation.time_to_first_text': 0.25,
    });
  });

  it('have the kind of the error, and never its message', () => {
    const { tracer, ended: spans } = recordedSpans();
    tracer.generationEnded({ ...ended, end: { ...end, ...counts, status: 'error' }, errorKind: 'rate_limited' });
    expect(spans()[0]).toMatchObject({ isError: true, attributes: { 'error.type': 'rate_limited' } });
    expect(spans()[0]?.message).toBeUndefined();
  });

  it('begin the trace that its correlation id names, when the request was not traced', () => {
    const { tracer, ended: spans } = recordedSpans();
    const asked = { correlationId: TRACE };
    tracer.attemptBegun({ ...attempt, asked }).end(completed);
    tracer.generationEnded({ ...ended, asked });
    const [call, whole] = spans();
    expect(whole).toMatchObject({ traceId: TRACE, parentSpanId: undefined });
    expect(call).toMatchObject({ traceId: TRACE, parentSpanId: whole?.spanId });
  });

  it.each(['correlation-1', '', '0'.repeat(32)])(
    'share a trace also when the correlation id is %j',
    (correlationId) => {
      const { tracer, ended: spans } = recordedSpans();
      tracer.attemptBegun({ ...attempt, asked: { correlationId } }).end(completed);
      tracer.generationEnded({ ...ended, asked: { correlationId } });
      const [call, whole] = spans();
      expect(call?.traceId).toMatch(/^(?!0{32})[0-9a-f]{32}$/);
      expect([call?.traceId, call?.parentSpanId]).toEqual([whole?.traceId, whole?.spanId]);
    },
  );

  it('follow the sampler, and pass its decision to other processes', () => {
    const { tracer, ended: spans } = recordedSpans(new AlwaysOffSampler());
    tracer.attemptBegun(attempt).end(completed);
    tracer.generationEnded(ended);
    expect(spans()).toEqual([]);
    expect(tracer.generationParent('g-1', { correlationId: TRACE })).toMatch(/-00$/);
  });
});

describe('the span of an attempt', () => {
  it('has the attributes of generative AI, without a text', () => {
    const { tracer, ended: spans } = recordedSpans();
    const firstTextAt = new Date(Date.now() + 60_000).toISOString();
    tracer.attemptBegun(attempt).end({ ...completed, firstTextAt });
    const [only] = spans();
    expect(only).toMatchObject({ name: 'chat gpt-4o-mini', kind: SpanKind.CLIENT, isError: false });
    const { 'gen_ai.response.time_to_first_chunk': firstChunk, ...attributes } = only?.attributes ?? {};
    expect(firstChunk).toBeGreaterThan(0);
    expect(attributes).toEqual({
      'gen_ai.operation.name': 'chat',
      'gen_ai.provider.name': 'openai',
      'gen_ai.conversation.id': 'c-1',
      'gen_ai.request.model': 'gpt-4o-mini',
      'gen_ai.request.stream': true,
      'gen_ai.request.temperature': 0.5,
      'gen_ai.request.top_p': 0.9,
      'gen_ai.request.max_tokens': 7,
      'gen_ai.request.seed': 3,
      'gen_ai.request.reasoning.level': 'low',
      'gen_ai.response.id': 'chatcmpl-1',
      'gen_ai.response.model': 'gpt-4o-mini-2024-07-18',
      'gen_ai.response.finish_reasons': ['stop'],
      'gen_ai.usage.input_tokens': 20,
      'gen_ai.usage.output_tokens': 8,
      'gen_ai.usage.cache_read.input_tokens': 16,
      'gen_ai.usage.cache_write.input_tokens': 4,
      'gen_ai.usage.reasoning.output_tokens': 5,
      'verbatim.generation.id': 'g-1',
      'verbatim.attempt.number': 2,
      'verbatim.attempt.deltas': 4,
      'verbatim.attempt.outcome': 'completed',
    });
  });

  it('has the kind of a failure and the status of the provider, and never what the provider said', () => {
    const { tracer, ended: spans } = recordedSpans();
    const error = { kind: 'provider_error', message: 'You asked: my secret', providerStatus: 500 };
    const failed = {
      outcome: 'failed',
      finishReason: null,
      modelServed: null,
      usage: null,
      response: {},
      error,
    } as const;
    tracer.attemptBegun(attempt).end({ deltas: 0, firstTextAt: null, end: failed });
    expect(spans()[0]).toMatchObject({
      isError: true,
      attributes: {
        'error.type': 'provider_error',
        'http.response.status_code': 500,
        'gen_ai.response.finish_reasons': ['error'],
      },
    });
    expect(JSON.stringify(spans())).not.toContain('secret');
  });

  it('is no error when the user cancelled it, and one when this process left it open', () => {
    const { tracer, ended: spans } = recordedSpans();
    const cancelled = { ...completed.end, outcome: 'cancelled', finishReason: null, usage: null } as const;
    tracer.attemptBegun(attempt).end({ ...completed, end: cancelled });
    tracer.attemptBegun(attempt).end({ ...completed, end: null });
    expect(spans().map(({ isError, attributes }) => [isError, attributes['error.type']])).toEqual([
      [false, undefined],
      [true, 'left_open'],
    ]);
  });

  it('replaces every name that could be a text', () => {
    const { tracer, ended: spans } = recordedSpans();
    const prompt = { provider: 'openai', model: 'my secret model', params: {} };
    const response = { id: 'a secret id' };
    const told = { ...completed.end, finishReason: 'secret reason', modelServed: 'x'.repeat(10_000), response };
    tracer.attemptBegun({ ...attempt, prompt }).end({ ...completed, end: told });
    expect(spans()[0]).toMatchObject({
      name: 'chat other',
      attributes: {
        'gen_ai.request.model': 'other',
        'gen_ai.response.model': 'other',
        'gen_ai.response.finish_reasons': ['other'],
      },
    });
    expect(JSON.stringify(spans())).not.toMatch(/secret|xxxxx/);
  });

  it('has no number that the provider did not report', () => {
    const { tracer, ended: spans } = recordedSpans();
    tracer.attemptBegun(attempt).end({ ...completed, end: { ...completed.end, usage: { output: 0 } } });
    const attributes = Object.entries(spans()[0]?.attributes ?? {});
    expect(attributes.filter(([name]) => name.startsWith('gen_ai.usage'))).toEqual([['gen_ai.usage.output_tokens', 0]]);
  });
});

describe('the span of a step of a read model', () => {
  const event = (trace: string | null) =>
    ({ meta: JSON.stringify({ traceparent: trace && `00-${trace}-${CLIENT}-01` }) }) as RecordedEvent;
  const step = { projection: 'messages', build: 3, from: '0000000000000000040/e-1' as Position };

  it('says how many events it applies and how far it moves, and links to each trace once', () => {
    const { tracer, ended: spans } = recordedSpans();
    const [one, other] = ['11'.repeat(16), '22'.repeat(16)];
    const events = [event(one), event(null), event(other), event(one), { meta: 'damaged' } as RecordedEvent];
    tracer.stepBegun({ ...step, events, to: '0000000000000000052/e-2' as Position }).end();
    expect(spans()[0]).toMatchObject({ name: 'project messages', parentSpanId: undefined, links: [one, other] });
    expect(spans()[0]?.attributes).toEqual({
      'verbatim.projection.name': 'messages',
      'verbatim.projection.build': 3,
      'verbatim.projection.events': 5,
      'verbatim.projection.distance': 12,
    });
  });

  it('measures from the beginning of the log too, and in the positions of EventStoreDB', () => {
    const { tracer, ended: spans } = recordedSpans();
    const to = '00000000000000000700/00000000000000000650/e-2' as Position;
    tracer.stepBegun({ ...step, events: [event(null)], from: '' as Position, to }).end();
    expect(spans()[0]?.attributes['verbatim.projection.distance']).toBe(700);
  });

  it('has a bounded number of links', () => {
    const { tracer, ended: spans } = recordedSpans();
    const traces = Array.from({ length: 1_000 }, (_, nth) => event(String(nth + 1).padStart(32, '0')));
    tracer.stepBegun({ ...step, events: traces, to: step.from }).end();
    expect(spans()[0]?.links).toHaveLength(32);
  });

  it('has the type of an error, and never its message', () => {
    const { tracer, ended: spans } = recordedSpans();
    tracer.stepBegun({ ...step, events: [], to: step.from }).end(new RangeError('quotes a secret'));
    expect(spans()[0]).toMatchObject({ isError: true, attributes: { 'error.type': 'RangeError' } });
    expect(JSON.stringify(spans())).not.toContain('secret');
  });
});
