import { OTLPTraceExporter as JsonExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { OTLPTraceExporter as ProtobufExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources';
import { BasicTracerProvider, BatchSpanProcessor } from '@opentelemetry/sdk-trace-base';
import { within } from '../../background/deadline.js';
import { limits } from '../../limits.js';
import type { EventLog } from '../../ports/event-log.js';
import type { Tracer } from '../../ports/tracer.js';
import { ChosenIds } from './chosen-ids.js';
import { OpenTelemetryTracer } from './open-telemetry-tracer.js';
import { Spans } from './spans.js';
import { TracedEventLog } from './traced-event-log.js';
import { WatchedExporter } from './watched-exporter.js';

export interface Tracing {
  readonly tracer: Tracer;
  traced(log: EventLog, system: 'postgresql' | 'eventstoredb'): EventLog;
  /** Sends what is left, for a bounded time. */
  close(): Promise<void>;
}

/**
 * The SDK reads the standard variables itself: where and how to export, the sampler, the resource, the bounds of the queue.
 * Spans wait in that queue and are sent in the background; those that do not fit are dropped.
 */
export function openTracing(
  protocol: 'http/protobuf' | 'http/json',
  version: string,
  onNotice: (text: string) => void,
): Tracing {
  const exporter = protocol === 'http/json' ? new JsonExporter() : new ProtobufExporter();
  const ids = new ChosenIds();
  const provider = new BasicTracerProvider({
    resource: defaultResource()
      .merge(resourceFromAttributes({ 'service.name': 'verbatim', 'service.version': version }))
      .merge(detectResources({ detectors: [envDetector] })),
    idGenerator: ids,
    spanProcessors: [new BatchSpanProcessor(new WatchedExporter(exporter, onNotice))],
  });
  const spans = new Spans(provider.getTracer('verbatim', version), ids);
  return {
    tracer: new OpenTelemetryTracer(spans),
    traced: (log, system) => new TracedEventLog(log, system, spans),
    async close() {
      // A failure was reported by the exporter already, and a stop must not fail for it.
      const flushed = provider.shutdown().catch(() => {});
      await within(limits.tracesFlushMs, flushed, undefined);
    },
  };
}
