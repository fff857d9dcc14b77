import {
  type Link,
  ROOT_CONTEXT,
  type Tracer as SdkTracer,
  type Span,
  type SpanContext,
  type SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import { parseTraceParent } from '@opentelemetry/core';
import type { NewEvent } from '../../events/envelope.js';
import type { ChosenIds, SpanIds } from './chosen-ids.js';

export type Attributes = Readonly<Record<string, string | number | boolean | string[] | undefined>>;

export interface SpanBegun {
  readonly name: string;
  readonly kind: SpanKind;
  readonly attributes: Attributes;
  /** The traceparent of its parent. Without a valid one it begins a trace. */
  readonly parent: string | undefined;
  readonly ids?: SpanIds;
  /** In milliseconds since 1970, of a span that began earlier. */
  readonly startMs?: number;
  readonly links?: readonly string[];
}

/** Begins spans whose parents are named explicitly: there is no ambient context. */
export class Spans {
  constructor(
    private readonly tracer: SdkTracer,
    private readonly ids: ChosenIds,
  ) {}

  begin({ name, kind, attributes, parent, ids = {}, startMs, links = [] }: SpanBegun): Span {
    const context = parent === undefined ? null : parseTraceParent(parent);
    const above = context ? trace.setSpanContext(ROOT_CONTEXT, { ...context, isRemote: true }) : ROOT_CONTEXT;
    const options = {
      kind,
      attributes,
      links: links.flatMap(linkTo),
      ...(startMs !== undefined && { startTime: startMs }),
    };
    return this.ids.whileChosen(ids, () => this.tracer.startSpan(name, options, above));
  }
}

export function traceparentOf({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
}

/** The message of an error may quote a person, so a span has the error's type alone. */
export function failSpan(span: Span, errorType: string): void {
  span.setAttribute('error.type', errorType);
  span.setStatus({ code: SpanStatusCode.ERROR });
}

export const typeOfError = (error: unknown): string => (error instanceof Error ? error.constructor.name : typeof error);

function linkTo(traceparent: string): Link[] {
  const context = parseTraceParent(traceparent);
  return context ? [{ context }] : [];
}

/** What the metadata of an event says of the span that caused it. A newer program's metadata may be anything. */
export function traceparentIn({ meta }: Pick<NewEvent, 'meta'>): string | undefined {
  try {
    const traceparent: unknown = JSON.parse(meta)?.traceparent;
    return typeof traceparent === 'string' ? traceparent : undefined;
  } catch {
    // Damaged metadata names no span: the reader of the event reports it.
    return undefined;
  }
}
