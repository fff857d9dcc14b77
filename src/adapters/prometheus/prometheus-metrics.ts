import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { limits } from '../../limits.js';
import type { GenerationEnd, Meter } from '../../ports/meter.js';
import { BoundedNames } from './bounded-names.js';
import { Tally } from './tally.js';

/** The labels of a finished request. */
export interface AnsweredRequest {
  readonly method: string;
  /** The pattern of its route, never its path. */
  readonly route: string;
  readonly status: string;
  readonly durationMs: number;
}

/** Reads a value at the time of a scrape. */
export type Reading<T> = () => T | Promise<T>;

/** From a flush to the deadline of an append. */
const APPEND_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const BATCH_EVENTS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000];
/** From a local model to the longest timeout of a provider. */
const TTFT_SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const GENERATION_SECONDS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600];
const REQUEST_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** The metrics of one process, in the text format of Prometheus. Parts of the process add their own gauges. */
export class PrometheusMetrics implements Meter {
  readonly contentType = Registry.PROMETHEUS_CONTENT_TYPE;
  private readonly registry = new Registry();
  private readonly models: BoundedNames;
  private readonly currencies = new BoundedNames(limits.countedNamesMax);

  private readonly ttft = this.histogram(
    'chat_generation_ttft_seconds',
    'Time from the claim of the attempt that counts to its first text.',
    TTFT_SECONDS,
  );
  private readonly duration = this.histogram(
    'chat_generation_duration_seconds',
    'Time from the request to the recorded end, including the queue. Only generations that called a model.',
    GENERATION_SECONDS,
  );
  private readonly tokens = this.counter(
    'chat_tokens_total',
    'Tokens that providers reported, by the requested model. Unreported usage is not counted.',
    ['kind', 'model'],
  );
  private readonly cost = this.counter('chat_cost_total', 'Cost of the generations whose cost is known.', ['currency']);
  private readonly generations = this.counter('generations_total', 'Generations that this process finalized.', [
    'status',
  ]);
  private readonly appends = this.tally(
    'log_append_seconds',
    'Time from an append to its answer, whatever the outcome.',
    APPEND_SECONDS,
  );
  private readonly batches = this.tally(
    'log_batch_events',
    'Events in one transaction of the log, retries included.',
    BATCH_EVENTS,
  );
  private readonly relayed = this.counter(
    'relay_sent_total',
    'Events that the destination of the relay acknowledged.',
    [],
  );
  private readonly recorded = this.counter(
    'record_entries_total',
    'Entries of the record that this process wrote.',
    [],
  );
  private readonly backgroundFailures = this.counter(
    'background_failures_total',
    'Errors in background work that were not outages of a database or broker. The work is retried.',
    ['part'],
  );
  private readonly parts = new BoundedNames(limits.countedNamesMax);
  private readonly requests = this.histogram(
    'http_request_duration_seconds',
    'Time from a request to the end of its answer. A stream counts for as long as it is open.',
    REQUEST_SECONDS,
    ['method', 'route', 'status'],
  );

  /** Configured models keep their names, however many other models clients name. */
  constructor(models: readonly string[] = []) {
    this.models = new BoundedNames(limits.countedNamesMax, models);
  }

  /** Adds memory, CPU, handles and the lag of the event loop. For a process that runs only this application. */
  watchProcess(): void {
    collectDefaultMetrics({ register: this.registry });
  }

  text(): Promise<string> {
    return this.registry.metrics();
  }

  /** Adds a gauge of a part. If it cannot be read now it is NaN, and the other metrics are still served. */
  gauge(name: string, help: string, read: Reading<number>): void {
    const gauge: Gauge = new Gauge({
      name,
      help,
      registers: [this.registry],
      collect: async () => gauge.set(await orElse(read, Number.NaN)),
    });
  }

  /** Adds a gauge with several samples, one for each name. The caller keeps their number small. */
  gaugeOfEach(name: string, help: string, label: string, read: Reading<ReadonlyMap<string, number>>): void {
    const gauge: Gauge = new Gauge({
      name,
      help,
      labelNames: [label],
      registers: [this.registry],
      collect: async () => {
        const values = await orElse(read, new Map<string, number>());
        gauge.reset();
        for (const [each, value] of values) gauge.set({ [label]: each }, value);
      },
    });
  }

  generationEnded({ status, model, ttftMs, durationMs, promptTokens, completionTokens, cost }: GenerationEnd): void {
    this.generations.inc({ status });
    if (isTime(ttftMs)) this.ttft.observe(ttftMs / 1_000);
    if (isTime(durationMs)) this.duration.observe(durationMs / 1_000);
    if (promptTokens !== null) this.countTokens('prompt', model, promptTokens);
    if (completionTokens !== null) this.countTokens('completion', model, completionTokens);
    if (cost && isAmount(cost.amount)) {
      this.cost.inc({ currency: this.currencies.of(cost.currency) }, Number(cost.amount));
    }
  }

  appendAnswered(milliseconds: number): void {
    this.appends.add(milliseconds / 1_000);
  }

  batchSent(events: number): void {
    this.batches.add(events);
  }

  eventsRelayed(events: number): void {
    this.relayed.inc(events);
  }

  entriesRecorded(entries: number): void {
    this.recorded.inc(entries);
  }

  backgroundFailed(part: string): void {
    this.backgroundFailures.inc({ part: this.parts.of(part) });
  }

  requestAnswered({ durationMs, ...labels }: AnsweredRequest): void {
    this.requests.observe(labels, durationMs / 1_000);
  }

  private countTokens(kind: 'prompt' | 'completion', model: string | null, count: number): void {
    this.tokens.inc({ kind, model: this.models.of(model ?? 'none') }, count);
  }

  private counter<Label extends string>(name: string, help: string, labelNames: Label[]): Counter<Label> {
    return new Counter({ name, help, labelNames, registers: [this.registry] });
  }

  private histogram<Label extends string>(
    name: string,
    help: string,
    buckets: number[],
    labelNames: Label[] = [],
  ): Histogram<Label> {
    return new Histogram({ name, help, labelNames, buckets, registers: [this.registry] });
  }

  private tally(name: string, help: string, bounds: readonly number[]): Tally {
    const tally = new Tally(name, help, bounds);
    this.registry.registerMetric(tally.asMetric());
    return tally;
  }
}

/** Clocks of two processes may differ, and a negative duration must not reduce a sum. */
const isTime = (milliseconds: number | null): milliseconds is number => milliseconds !== null && milliseconds >= 0;

const isAmount = (text: string): boolean => Number.isFinite(Number(text)) && Number(text) >= 0;

async function orElse<T>(read: Reading<T>, otherwise: T): Promise<T> {
  try {
    return await read();
  } catch {
    return otherwise;
  }
}
