import type { PrometheusMetrics } from '../adapters/prometheus/prometheus-metrics.js';
import { savedBacklog } from '../ownership/checkpointed-follower.js';
import { type Lag, lagOf } from '../ports/lag.js';
import { type RunnerParts, type Subscription, SubscriptionRunner } from '../sagas/subscription-runner.js';
import { gaugeLags } from './lag-metrics.js';
import type { Surveys } from './survey.js';

/** All subscriptions, also those without an owner. */
const SUBSCRIPTIONS = {
  /** Records prompts in the work table. The furthest stage of a prompt counts, so the order of events does not matter. */
  work: { filter: { categories: ['conversation'] }, inAnyOrder: true },
  /** Records keys in the table of keys. */
  keys: { filter: { categories: ['tenant'] } },
} as const;

type Name = keyof typeof SUBSCRIPTIONS;

/** Makes the runners of subscriptions, and reports how far each is behind the log, whichever process owns it. */
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

  runner(name: Name, handle: Subscription['handle']): SubscriptionRunner {
    const runner = new SubscriptionRunner({ name, ...SUBSCRIPTIONS[name], handle }, this.parts);
    this.runners.set(name, runner);
    return runner;
  }

  private async lags(): Promise<ReadonlyMap<string, Lag>> {
    const lags = new Map<string, Lag>();
    for (const [name, { filter }] of Object.entries(SUBSCRIPTIONS)) {
      const backlog = (await this.runners.get(name)?.backlog()) ?? (await savedBacklog(this.parts, name, filter));
      lags.set(name, lagOf(backlog, this.parts.clock.now()));
    }
    return lags;
  }

  private poisoned(): ReadonlyMap<string, number> {
    return new Map([...this.runners].map(([name, { state }]) => [name, state.is === 'poisoned' ? 1 : 0]));
  }
}
