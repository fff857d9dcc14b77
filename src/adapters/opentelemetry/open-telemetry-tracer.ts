import { createHash } from 'node:crypto';
import { type Span, SpanKind } from '@opentelemetry/api';

import type {
  AttemptBegun,
  AttemptSpan,
  GenerationBegun,
  GenerationTraced,
  RequestBegun,
  RequestSpan,
  StepBegun,
  StepSpan,
  Trace,
  Tracer,
} from '../../ports/tracer.js';
import { answerAttributes, callAttributes, errorTypeOf, nameOf } from './gen-ai-attributes.js';
import { requestAttributes, requestName } from './http-attributes.js';
import { type Attributes, failSpan, type Spans, traceparentOf, typeOfError } from './spans.js';
import { distanceBetween, linksOf } from './step-attributes.js';

export class OpenTelemetryTracer implements Tracer {
  constructor(private readonly spans: Spans) {}

  requestBegun(request: RequestBegun): RequestSpan {
    const span = this.spans.begin({
      name: requestName(request),
      kind: SpanKind.SERVER,
      attributes: requestAttributes(request),
      parent: request.traceparent,
      ids: { traceId: request.traceId },
    });
    return {
      traceparent: traceparentOf(span.spanContext()),
      end(status) {
        if (status !== undefined) span.setAttribute('http.response.status_code', status);
        if (status !== undefined && status >= 500) failSpan(span, String(status));
        span.end();
      },
    };
  }

  generationParent(generation: string, asked: Trace): string {
    // A span that is never ended is never exported. It is begun, because only that asks the sampler.
    return traceparentOf(this.generation(generation, asked, {}).spanContext());
  }

  attemptBegun(attempt: AttemptBegun): AttemptSpan {
    const begunMs = Date.now();
    const attributes = callAttributes(attempt);
    const span = this.spans.begin({
      name: `chat ${attributes['gen_ai.request.model']}`,
      kind: SpanKind.CLIENT,
      attributes,
      parent: this.generationParent(attempt.generation, attempt.asked),
    });
    return {
      end(left = { deltas: 0, firstTextAt: null, end: null }) {
        span.setAttributes(answerAttributes(left, begunMs));
        const errorType = errorTypeOf(left);
        if (errorType !== null) failSpan(span, errorType);
        span.end();
      },
    };
  }

  generationEnded({ generation, asked, askedAt, end, attempt, errorKind, ...begun }: GenerationTraced): void {
    const attributes = {
      ...generationAttributes({ generation, asked, ...begun }),
      'verbatim.generation.status': end.status,
      ...(attempt !== null && { 'verbatim.generation.attempts': attempt }),
      ...(end.model !== null && { 'gen_ai.request.model': nameOf(end.model) }),
      ...(end.ttftMs !== null && { 'verbatim.generation.time_to_first_text': end.ttftMs / 1_000 }),
    };
    const span = this.generation(generation, asked, attributes, Date.parse(askedAt));
    if (end.status === 'error') failSpan(span, nameOf(errorKind ?? '_OTHER'));
    span.end();
  }

  stepBegun({ projection, build, events, from, to }: StepBegun): StepSpan {
    const distance = distanceBetween(from, to);
    const span = this.spans.begin({
      name: `project ${projection}`,
      kind: SpanKind.CONSUMER,
      attributes: {
        'verbatim.projection.name': projection,
        'verbatim.projection.build': build,
        'verbatim.projection.events': events.length,
        ...(distance !== undefined && { 'verbatim.projection.distance': distance }),
      },
      parent: undefined,
      links: linksOf(events),
    });
    return {
      end(error) {
        if (error !== undefined) failSpan(span, typeOfError(error));
        span.end();
      },
    };
  }

  private generation(generation: string, asked: Trace, attributes: Attributes, startMs?: number): Span {
    return this.spans.begin({
      name: 'generation',
      kind: SpanKind.INTERNAL,
      attributes,
      parent: asked.traceparent,
      ids: { traceId: traceIdOf(generation, asked), spanId: spanIdOf(generation) },
      ...(startMs !== undefined && { startMs }),
    });
  }
}

const generationAttributes = ({ generation, conversation }: GenerationBegun): Attributes => ({
  'verbatim.generation.id': generation,
  'gen_ai.conversation.id': conversation,
});

const SPAN_ID_DIGITS = 16;
const TRACE_ID_DIGITS = 32;

/** Derived, so that each process names the same span without asking another one. */
const spanIdOf = (generation: string): string => digest(`span of ${generation}`, SPAN_ID_DIGITS);

/** Of a request that was not traced: its correlation id is the id of its trace in logs and answers too. */
function traceIdOf(generation: string, { correlationId }: Trace): string {
  const isTraceId = /^(?!0{32})[0-9a-f]{32}$/.test(correlationId);
  return isTraceId ? correlationId : digest(`trace of ${generation}`, TRACE_ID_DIGITS);
}

const digest = (text: string, digits: number): string =>
  createHash('sha256').update(text).digest('hex').slice(0, digits);
