import type { OnApplicationBootstrap, OnApplicationShutdown, Provider } from '@nestjs/common';
import { KafkaRelay } from './adapters/kafka/kafka-relay.js';
import type { PrometheusMetrics } from './adapters/prometheus/prometheus-metrics.js';
import { systemClock } from './adapters/system/system-clock.js';
import type { Config } from './config.js';
import type { Checks, Told } from './http/readiness.js';
import { limits } from './limits.js';
import { RetryableError } from './ports/errors.js';
import type { Backlog } from './ports/event-log.js';
import { EventRelay, type RelayParts } from './relay/event-relay.js';

export interface RelaySide {
  readonly checks: Checks;
  readonly providers: Provider[];
}

/** What gives events to other systems: nothing, unless somebody named brokers and this process has the role. */
export function relaySide(
  { kafka, roles }: Config,
  parts: Omit<RelayParts, 'meter'>,
  metrics: PrometheusMetrics,
): RelaySide {
  if (!kafka || !roles.includes('relay')) return { checks: {}, providers: [] };
  const relay = new EventRelay(new KafkaRelay(kafka), { ...parts, meter: metrics });
  countLag(metrics, relay);
  const hosted: OnApplicationBootstrap & OnApplicationShutdown = {
    onApplicationBootstrap: () => relay.start(),
    onApplicationShutdown: () => relay.stop(),
  };
  return { checks: { relay: () => toldOf(relay) }, providers: [{ provide: 'relay', useFactory: () => hosted }] };
}

/** Whatever becomes of it, chats go on: so nothing here is told as unavailable. */
async function toldOf(relay: EventRelay): Promise<Told> {
  const { state } = relay;
  if (state.is === 'denied')
    return { is: 'stopped', reason: `${state.reason}; the relay asks again until it may send` };
  if (state.is === 'refused') return { is: 'stopped', reason: state.reason };
  if (state.is !== 'relaying') return { is: 'ok' };
  if (state.trouble !== undefined) return { is: 'behind', reason: state.trouble };
  try {
    // Of those that wait, only the oldest is of interest here.
    return { is: secondsOf(await relay.backlog(1)) > limits.relayLagSecondsMax ? 'behind' : 'ok' };
  } catch (error) {
    if (error instanceof RetryableError) return { is: 'behind', reason: error.message };
    throw error;
  }
}

/** Of the process that owns the relay; elsewhere they are not known. */
function countLag(metrics: PrometheusMetrics, relay: EventRelay): void {
  const backlog = () => relay.backlog(limits.backlogCountMax);
  const events = async () => (await backlog())?.events ?? Number.NaN;
  metrics.gauge('relay_lag_events', 'Of the log, not acknowledged yet. Counted up to a bound.', events);
  metrics.gauge('relay_lag_seconds', 'Since the oldest of them happened.', async () =>
    secondsOf(await relay.backlog(1)),
  );
  metrics.gauge('relay_denied', '1 while the brokers refuse the relay, which asks again.', () =>
    relay.state.is === 'denied' ? 1 : 0,
  );
  metrics.gauge('relay_stopped', '1 when it cannot go on by itself.', () => (relay.state.is === 'refused' ? 1 : 0));
}

function secondsOf(backlog: Backlog | undefined): number {
  if (backlog === undefined) return Number.NaN;
  const { oldestAt } = backlog;
  return oldestAt === undefined ? 0 : Math.max(0, systemClock.now() - Date.parse(oldestAt)) / 1_000;
}
