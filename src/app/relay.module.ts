import { Inject, Module, type OnApplicationBootstrap } from '@nestjs/common';
import { PrometheusMetrics } from '../adapters/prometheus/prometheus-metrics.js';
import { type CheckResult, Readiness } from '../http/readiness.js';
import { limits } from '../limits.js';
import { RetryableError } from '../ports/errors.js';
import { type Lag, lagOf } from '../ports/lag.js';
import type { RelayDestination } from '../ports/relay.js';
import { EventRelay } from '../relay/event-relay.js';
import { BackgroundModule, RUNNER_PARTS } from './background.module.js';
import { BackgroundWork } from './background-work.js';
import { gaugeLag } from './lag-metrics.js';
import { OperationsModule } from './operations.module.js';
import { PORTS } from './ports.module.js';
import { provider, token } from './provider.js';
import { type Survey, Surveys } from './survey.js';

const RELAY_LAG = token<Survey<Lag>>('lag of the relay');

/**
 * The relay to Kafka. Every process whose configuration names brokers reports how far the relay is behind, so that this is seen
 * also when no process with the role is left.
 */
@Module({
  imports: [OperationsModule, BackgroundModule],
  providers: [
    provider(
      EventRelay,
      { to: PORTS.relay, parts: RUNNER_PARTS, incarnations: PORTS.incarnations, meter: PrometheusMetrics },
      ({ to, parts, incarnations, meter }) =>
        new EventRelay(to as RelayDestination, { ...parts, meter, incarnation: incarnations.at(-1) as string }),
    ),
    provider(
      RELAY_LAG,
      { relay: EventRelay, parts: RUNNER_PARTS, surveys: Surveys, metrics: PrometheusMetrics },
      ({ relay, parts, surveys, metrics }) => {
        const lag = surveys.of('lag of the relay', async () => lagOf(await relay.backlog(), parts.clock.now()));
        gaugeLag(metrics, 'relay', () => lag.known);
        return lag;
      },
    ),
  ],
  exports: [EventRelay, RELAY_LAG],
})
export class RelayModule {}

/** The role `relay`: sends events, where the configuration names brokers. */
@Module({ imports: [RelayModule, OperationsModule, BackgroundModule] })
export class RelayRoleModule implements OnApplicationBootstrap {
  constructor(
    private readonly relay: EventRelay,
    private readonly background: BackgroundWork,
    @Inject(RELAY_LAG) lag: Survey<Lag>,
    readiness: Readiness,
    metrics: PrometheusMetrics,
  ) {
    const is = (state: EventRelay['state']['is']) => () => (relay.state.is === state ? 1 : 0);
    readiness.add('relay', () => findingOf(relay, lag));
    metrics.gauge('relay_denied', '1 while the brokers refuse the relay. It retries.', is('denied'));
    metrics.gauge('relay_stopped', '1 when the relay has stopped.', is('refused'));
  }

  onApplicationBootstrap(): void {
    this.background.start(this.relay);
  }
}

/** Chats continue without the relay, so this check never answers `unavailable`. */
function findingOf({ state }: EventRelay, { latest }: Survey<Lag>): CheckResult {
  if (state.is === 'denied')
    return { is: 'stopped', reason: `${state.reason}; the relay retries until the brokers accept it` };
  if (state.is === 'refused') return { is: 'stopped', reason: state.reason };
  if (state.is !== 'relaying') return { is: 'ok' };
  if (state.trouble !== undefined) return { is: 'behind', reason: state.trouble };
  if (latest.is === 'late') return { is: 'behind', reason: 'its lag is not known: the log does not answer in time' };
  if (latest.is === 'failed') return { is: 'behind', reason: reasonOf(latest.error) };
  return { is: latest.value.seconds > limits.readyLagSecondsMax ? 'behind' : 'ok' };
}

const reasonOf = (error: unknown): string =>
  error instanceof RetryableError ? error.message : 'its lag is not known: the check failed';
