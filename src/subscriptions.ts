import type { Provider } from '@nestjs/common';
import type { PrometheusMetrics } from './adapters/prometheus/prometheus-metrics.js';
import { gaugeLags } from './lag-metrics.js';
import { type Lag, lagOf } from './ports/lag.js';
import { HostedSubscription } from './sagas/hosted-subscription.js';
import { type RunnerParts, type Subscription, SubscriptionRunner } from './sagas/subscription-runner.js';
import type { Surveys } from './survey.js';

/** The subscriptions that run as long as this process does, with metrics of how far each is behind the log. */
export class Subscriptions {
  private readonly runners = new Map<string, SubscriptionRunner>();

  constructor(
    private readonly parts: RunnerParts,
    metrics: PrometheusMetrics,
    surveys: Surveys,
  ) {
    const lags = surveys.of('lag of subscriptions', () => this.lagsOfOwned());
    gaugeLags(metrics, 'subscription', () => lags.known ?? new Map());
    metrics.gaugeOfEach(
      'subscription_poisoned',
      '1 when it has stopped for good in this process.',
      'subscription',
      () => this.poisoned(),
    );
  }

  hosted(subscription: Subscription): Provider {
    const { name } = subscription;
    const start = () => {
      const runner = new SubscriptionRunner(subscription, this.parts);
      this.runners.set(name, runner);
      return new HostedSubscription(runner);
    };
    return { provide: `subscription ${name}`, useFactory: start };
  }

  /** The process that owns a subscription knows its lag; the others have no entry for it. */
  private async lagsOfOwned(): Promise<ReadonlyMap<string, Lag>> {
    const lags = new Map<string, Lag>();
    for (const [name, runner] of this.runners) {
      const backlog = await runner.backlog();
      if (backlog) lags.set(name, lagOf(backlog, this.parts.clock.now()));
    }
    return lags;
  }

  private poisoned(): ReadonlyMap<string, number> {
    return new Map([...this.runners].map(([name, { state }]) => [name, state.is === 'poisoned' ? 1 : 0]));
  }
}
