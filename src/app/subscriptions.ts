import type { Provider } from '@nestjs/common';
import type { PrometheusMetrics } from '../adapters/prometheus/prometheus-metrics.js';
import { type Lag, lagOf } from '../ports/lag.js';
import { HostedSubscription } from '../sagas/hosted-subscription.js';
import { type RunnerParts, type Subscription, SubscriptionRunner } from '../sagas/subscription-runner.js';
import { gaugeLags } from './lag-metrics.js';
import { savedBacklog } from './saved-backlog.js';
import type { Surveys } from './survey.js';

/** All that there are, with or without an owner. `work` enters prompts in the table of work, `keys` keys in theirs. */
export const WORK = { name: 'work', filter: { categories: ['conversation'] } } as const;
export const KEYS = { name: 'keys', filter: { categories: ['tenant'] } } as const;

/** Runs subscriptions as long as the process, and tells of each, whoever owns it, how far it is behind the log. */
export class Subscriptions {
  private readonly runners = new Map<string, SubscriptionRunner>();

  constructor(
    private readonly parts: RunnerParts,
    metrics: PrometheusMetrics,
    surveys: Surveys,
  ) {
    const lags = surveys.of('lag of subscriptions', () => this.lags());
    gaugeLags(metrics, 'subscription', () => lags.known ?? new Map());
    metrics.gaugeOfEach(
      'subscription_poisoned',
      '1 when the subscription has stopped in this process until a restart.',
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

  private async lags(): Promise<ReadonlyMap<string, Lag>> {
    const lags = new Map<string, Lag>();
    for (const { name, filter } of [WORK, KEYS]) {
      const backlog = (await this.runners.get(name)?.backlog()) ?? (await savedBacklog(this.parts, name, filter));
      lags.set(name, lagOf(backlog, this.parts.clock.now()));
    }
    return lags;
  }

  private poisoned(): ReadonlyMap<string, number> {
    return new Map([...this.runners].map(([name, { state }]) => [name, state.is === 'poisoned' ? 1 : 0]));
  }
}
