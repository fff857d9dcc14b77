import { SpanStatusCode } from '@opentelemetry/api';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  type ReadableSpan,
  type Sampler,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { ChosenIds } from '../../src/adapters/opentelemetry/chosen-ids.js';
import { OpenTelemetryTracer } from '../../src/adapters/opentelemetry/open-telemetry-tracer.js';
import { Spans } from '../../src/adapters/opentelemetry/spans.js';

/** A tracer of the SDK that keeps the spans that have ended. Another one of these is another process. */
export function recordedSpans(sampler?: Sampler) {
  const exporter = new InMemorySpanExporter();
  const ids = new ChosenIds();
  const provider = new BasicTracerProvider({
    idGenerator: ids,
    spanProcessors: [new SimpleSpanProcessor(exporter)],
    ...(sampler && { sampler }),
  });
  const spans = new Spans(provider.getTracer('test'), ids);
  return {
    spans,
    tracer: new OpenTelemetryTracer(spans),
    ended: () => exporter.getFinishedSpans().map(shown),
  };
}

export type ShownSpan = ReturnType<typeof shown>;

function shown(span: ReadableSpan) {
  const { traceId, spanId } = span.spanContext();
  return {
    name: span.name,
    traceId,
    spanId,
    parentSpanId: span.parentSpanContext?.spanId,
    kind: span.kind,
    attributes: span.attributes,
    links: span.links.map(({ context }) => context.traceId),
    isError: span.status.code === SpanStatusCode.ERROR,
    message: span.status.message,
    startMs: span.startTime[0] * 1_000 + span.startTime[1] / 1e6,
  };
}
