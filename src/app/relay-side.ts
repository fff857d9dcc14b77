import type { OnApplicationBootstrap, OnApplicationShutdown, Provider } from '@nestjs/common';
import { KafkaRelay } from '../adapters/kafka/kafka-relay.js';
import type { PrometheusMetrics } from '../adapters/prometheus/prometheus-metrics.js';
import type { Config } from '../config.js';
import type { Checks, Told } from '../http/readiness.js';
import { limits } from '../limits.js';
import { RetryableError } from '../ports/errors.js';
import { type Lag, lagOf } from '../ports/lag.js';
import { CHAT_STREAMS, EventRelay, type RelayParts, relayName } from '../relay/event-relay.js';
import { gaugeRelayLag } from './lag-metrics.js';
import { savedBacklog } from './saved-backlog.js';
import type { Survey, Surveys } from './survey.js';

export interface RelaySide {
  readonly checks: Checks;
  readonly providers: Provider[];
}

/**
 * Gives events to other systems, where the configuration names brokers and this process has the role. Without the role it
 * tells how far the relay is behind, so that this is seen also when no process with the role is left.
 */
export function relaySide(
  { kafka, roles }: Config,
  parts: Omit<RelayParts, 'meter'>,
  metrics: PrometheusMetrics,
  surveys: Surveys,
): RelaySide {
  if (!kafka) return { checks: {}, providers: [] };
  const destination = new KafkaRelay(kafka);
  const relay = roles.includes('relay') ? new EventRelay(destination, { ...parts, meter: metrics }) : undefined;
  const lag = surveys.of('lag of the relay', async () => {
    const owned = await relay?.backlog(limits.backlogCountMax);
    const backlog = owned ?? (await savedBacklog(parts, relayName(destination), CHAT_STREAMS));
    return lagOf(backlog, parts.clock.now());
  });
  gaugeRelayLag(metrics, () => lag.known);
  if (!relay) return { checks: {}, providers: [] };
  metrics.gauge('relay_denied', '1 while the brokers refuse the relay. It retries.', () =>
    relay.state.is === 'denied' ? 1 : 0,
  );
  metrics.gauge('relay_stopped', '1 when the relay has stopped.', () => (relay.state.is === 'refused' ? 1 : 0));
  const hosted: OnApplicationBootstrap & OnApplicationShutdown = {
    onApplicationBootstrap: () => relay.start(),
    onApplicationShutdown: () => relay.stop(),
  };
  return { checks: { relay: () => toldOf(relay, lag) }, providers: [{ provide: 'relay', useFactory: () => hosted }] };
}

/** Chats go on whatever the relay does, so this check never answers `unavailable`. */
function toldOf({ state }: EventRelay, { latest }: Survey<Lag>): Told {
  if (state.is === 'denied')
    return { is: 'stopped', reason: `${state.reason}; the relay asks again until it may send` };
  if (state.is === 'refused') return { is: 'stopped', reason: state.reason };
  if (state.is !== 'relaying') return { is: 'ok' };
  if (state.trouble !== undefined) return { is: 'behind', reason: state.trouble };
  if (latest.is === 'late') return { is: 'behind', reason: 'its lag is not known: the log does not answer in time' };
  if (latest.is === 'failed') return { is: 'behind', reason: reasonOf(latest.error) };
  return { is: latest.value.seconds > limits.relayLagSecondsMax ? 'behind' : 'ok' };
}

const reasonOf = (error: unknown): string =>
  error instanceof RetryableError ? error.message : 'its lag is not known: the check failed';
