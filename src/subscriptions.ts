import type { Provider } from '@nestjs/common';
import type { PrometheusMetrics } from './adapters/prometheus/prometheus-metrics.js';
import type { Backlog } from './ports/event-log.js';
import { HostedSubscription } from './sagas/hosted-subscription.js';
import { type RunnerParts, type Subscription, SubscriptionRunner } from './sagas/subscription-runner.js';

/** The subscriptions that run as long as this process does; how far behind they are is among its numbers. */
export class Subscriptions {
  private readonly runners = new Map<string, SubscriptionRunner>();

  constructor(
    private readonly parts: RunnerParts,
    metrics: PrometheusMetrics,
  ) {
    const ofEach = (
      name: string,
      help: string,
      read: () => ReadonlyMap<string, number> | Promise<Map<string, number>>,
    ) => metrics.gaugeOfEach(name, help, 'subscription', read);
    const lag = (of: (backlog: Backlog) => number) => async () => this.lagOfOwned(of);
    ofEach('subscription_lag_events', 'Not handled yet, where it is owned. Counted up to a bound.', lag(eventsOf));
    ofEach(
      'subscription_lag_seconds',
      'Since the oldest of them happened.',
      lag(({ oldestAt }) => this.secondsSince(oldestAt)),
    );
    ofEach('subscription_poisoned', '1 when it has stopped for good in this process.', () => this.poisoned());
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

  /** Nothing of those that another process owns: that one tells. */
  private async lagOfOwned(of: (backlog: Backlog) => number): Promise<Map<string, number>> {
    const lags = new Map<string, number>();
    for (const [name, runner] of this.runners) {
      const backlog = await runner.backlog();
      if (backlog) lags.set(name, of(backlog));
    }
    return lags;
  }

  private secondsSince(at: string | undefined): number {
    return at === undefined ? 0 : Math.max(0, (this.parts.clock.now() - Date.parse(at)) / 1_000);
  }

  private poisoned(): ReadonlyMap<string, number> {
    return new Map([...this.runners].map(([name, { state }]) => [name, state.is === 'poisoned' ? 1 : 0]));
  }
}

const eventsOf = ({ events }: Backlog): number => events;
