import type { PrometheusMetrics } from '../adapters/prometheus/prometheus-metrics.js';
import { limits } from '../limits.js';
import type { Lag } from '../ports/lag.js';

const MEASURES = [
  [
    'events',
    `Events not applied yet (counted up to ${limits.backlogCountMax}). Absent on EventStoreDB, which does not count events.`,
  ],
  ['distance', 'Distance from the checkpoint to the end of the log: events in PostgreSQL, bytes in EventStoreDB.'],
  ['seconds', 'Age of the oldest event not applied yet.'],
] as const;

/** Gauges of how far each reader of a kind is behind the log. A reader whose lag is not known has no sample. */
export function gaugeLags(
  metrics: Pick<PrometheusMetrics, 'gaugeOfEach'>,
  kind: 'projection' | 'subscription',
  read: () => ReadonlyMap<string, Lag>,
): void {
  for (const [measure, help] of MEASURES) {
    const values = () =>
      [...read()].flatMap(([name, { [measure]: value }]) => (value === null ? [] : [[name, value] as const]));
    metrics.gaugeOfEach(`${kind}_lag_${measure}`, help, kind, () => new Map(values()));
  }
}

/** The same gauges for a reader that is the only one of its kind. */
export function gaugeLag(
  metrics: Pick<PrometheusMetrics, 'gauge'>,
  kind: 'relay' | 'record',
  read: () => Lag | undefined,
): void {
  for (const [measure, help] of MEASURES) {
    metrics.gauge(`${kind}_lag_${measure}`, help, () => read()?.[measure] ?? Number.NaN);
  }
}
