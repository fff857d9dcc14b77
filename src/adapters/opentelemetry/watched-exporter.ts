import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace-base';

type OnResult = Parameters<SpanExporter['export']>[1];
type ExportResult = Parameters<OnResult>[0];

/** Reports an outage of the collector when it begins and when it is over. The SDK itself would drop spans in silence. */
export class WatchedExporter implements SpanExporter {
  private dropped = 0;

  constructor(
    private readonly exporter: SpanExporter,
    private readonly onNotice: (text: string) => void,
  ) {}

  export(spans: ReadableSpan[], onResult: OnResult): void {
    this.exporter.export(spans, (result) => {
      this.note(result, spans.length);
      onResult(result);
    });
  }

  shutdown(): Promise<void> {
    return this.exporter.shutdown();
  }

  async forceFlush(): Promise<void> {
    await this.exporter.forceFlush?.();
  }

  private note({ code, error }: ExportResult, spans: number): void {
    if (code === SUCCESS) {
      if (this.dropped > 0) this.onNotice(`traces are exported again; ${this.dropped} spans were dropped`);
      this.dropped = 0;
      return;
    }
    if (this.dropped === 0) this.onNotice(`traces cannot be exported (${reasonOf(error)}): spans are dropped`);
    this.dropped += spans;
  }
}

const SUCCESS = 0;

/** The collector's own words are left out: nothing says what they quote. */
function reasonOf(error: (Error & { code?: unknown }) | undefined): string {
  const { code } = error ?? {};
  return typeof code === 'number' || typeof code === 'string' ? String(code) : 'no answer';
}
