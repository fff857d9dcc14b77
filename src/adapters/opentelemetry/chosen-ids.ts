import { type IdGenerator, RandomIdGenerator } from '@opentelemetry/sdk-trace-base';

export interface SpanIds {
  /** Only for a span without a parent. */
  readonly traceId?: string | undefined;
  readonly spanId?: string | undefined;
}

/** Random ids, or those that are chosen for a span: the SDK asks for ids while it begins the span. */
export class ChosenIds implements IdGenerator {
  private readonly random = new RandomIdGenerator();
  private chosen: SpanIds = {};

  whileChosen<T>(ids: SpanIds, begin: () => T): T {
    this.chosen = ids;
    try {
      return begin();
    } finally {
      this.chosen = {};
    }
  }

  generateTraceId(): string {
    return this.chosen.traceId ?? this.random.generateTraceId();
  }

  generateSpanId(): string {
    return this.chosen.spanId ?? this.random.generateSpanId();
  }
}
