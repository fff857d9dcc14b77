import { Module, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import { PrometheusMetrics } from '../adapters/prometheus/prometheus-metrics.js';
import { BackgroundFailures } from '../background/background-part.js';
import type { RunnerParts } from '../sagas/subscription-runner.js';
import { LiveEvents } from '../sse/live-events.js';
import { BackgroundWork } from './background-work.js';
import { OperationsModule } from './operations.module.js';
import { PORTS } from './ports.module.js';
import { provider, token } from './provider.js';
import { Subscriptions } from './subscriptions.js';
import { Surveys } from './survey.js';

/** For everything that follows the log and has one owner among all processes. */
export const RUNNER_PARTS = token<RunnerParts>('RunnerParts');

const { log, codec, clock, ids, checkpoints, leases, hints, config, telemetry } = PORTS;
const health = BackgroundFailures;

/**
 * What follows the log in this process. A module that can cause an event imports this one. So live events start before the first
 * event, and stop after the last.
 */
@Module({
  imports: [OperationsModule],
  providers: [
    BackgroundWork,
    provider(LiveEvents, { log, codec, clock, health, telemetry }, ({ telemetry: { warn }, ...parts }) => {
      const onDamage = (err: unknown) => warn({ err }, 'an event could not be read, or its reader failed');
      return new LiveEvents({ ...parts, onDamage });
    }),
    provider(
      RUNNER_PARTS,
      { log, clock, checkpoints, leases, hints, health, telemetry, config, ids },
      ({ telemetry: { warn }, config: { leaseMs }, ids, ...parts }) => ({
        ...parts,
        warn,
        leaseMs,
        holder: ids.random(),
      }),
    ),
    provider(
      Subscriptions,
      { parts: RUNNER_PARTS, metrics: PrometheusMetrics, surveys: Surveys },
      ({ parts, metrics, surveys }) => new Subscriptions(parts, metrics, surveys),
    ),
  ],
  exports: [BackgroundWork, LiveEvents, RUNNER_PARTS, Subscriptions],
})
export class BackgroundModule implements OnApplicationBootstrap, OnApplicationShutdown {
  constructor(
    private readonly live: LiveEvents,
    private readonly work: BackgroundWork,
  ) {}

  async onApplicationBootstrap(): Promise<void> {
    await this.live.start();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.work.stop();
    await this.live.stop();
  }
}
