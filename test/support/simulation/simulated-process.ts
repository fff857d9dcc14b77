import type { ConversationParts } from '../../../src/commands/conversation-parts.js';
import { CancelGenerationHandler } from '../../../src/commands/endings.js';
import { Folds } from '../../../src/commands/folds.js';
import { KeptFolds } from '../../../src/commands/kept-folds.js';
import { Prompts } from '../../../src/commands/prompts.js';
import { StartConversationHandler } from '../../../src/commands/start-conversation.js';
import { RegenerateHandler, SendMessageHandler } from '../../../src/commands/turns.js';
import { conversation } from '../../../src/domain/conversation/conversation.js';
import { listPrices } from '../../../src/domain/list-prices.js';
import type { TypedEvent } from '../../../src/events/codec.js';
import { RetryableError } from '../../../src/ports/errors.js';
import { noMeter } from '../../../src/ports/meter.js';
import type { TokenCounter } from '../../../src/ports/token-counter.js';
import { FlushClock } from '../../../src/sagas/flush-clock.js';
import { Drain, GenerationSaga } from '../../../src/sagas/generation-saga.js';
import { recordWork } from '../../../src/sagas/record-work.js';
import { Slots } from '../../../src/sagas/slots.js';
import { SubscriptionRunner } from '../../../src/sagas/subscription-runner.js';
import { FeedSource } from '../../../src/sse/feed-source.js';
import { LiveEvents } from '../../../src/sse/live-events.js';
import { MemoryHints } from '../memory/memory-hints.js';
import { codec } from '../new-events.js';
import type { Actor } from './schedule.js';
import { simulatedLog } from './simulated-log.js';
import { PROVIDER, simulatedModel } from './simulated-model.js';
import { LEASE_MS, type World } from './world.js';

const SLOTS = 3;
/** So few that most conversations are read from a kept fold. */
const KEPT_EVERY_EVENTS = 3;

/** Counting is not what is simulated: a token for each character. */
const counter: TokenCounter = {
  forModel: async () => ({
    encoding: 'one-each',
    estimated: false,
    contextLimit: 1_000_000,
    remembered: () => undefined,
    count: (text) => text.length,
    countInSlices: async (text) => text.length,
  }),
};

/** The turn side of the product as one process has it, put together as in the composition root. */
export class SimulatedProcess implements Actor {
  isDead = false;
  frozenUntilMs = 0;
  /** It accepts requests until stop() is called. */
  isAccepting = false;
  /** Resolves when it dies. */
  readonly death: Promise<void>;
  readonly start: StartConversationHandler;
  readonly send: SendMessageHandler;
  readonly regenerate: RegenerateHandler;
  readonly cancel: CancelGenerationHandler;
  readonly feeds: FeedSource;
  private die = () => {};
  private readonly live: LiveEvents;
  private readonly saga: GenerationSaga;
  private readonly runner: SubscriptionRunner;

  constructor(
    private readonly world: World,
    readonly name: string,
  ) {
    this.death = new Promise((resolve) => {
      this.die = resolve;
    });
    const log = simulatedLog(world, this);
    const clock = world.schedule.clockOf(this);
    const work = world.onWire(this, 'work', world.work);
    Object.assign(work, world.plant.work);
    const warn = (facts: object, message: string) => this.warn(facts, message);
    const kept = new KeptFolds({
      ...{ log, codec, warn, aggregate: conversation, everyEvents: KEPT_EVERY_EVENTS },
      store: world.onWire(this, 'kept folds', world.keptFolds),
    });
    const conversations = new Folds(log, codec, conversation, kept);
    const models = { provider: PROVIDER, model: null, providers: { [PROVIDER]: 'simulated' } };
    const base = {
      ...{ log, codec, clock, conversations, work, warn },
      ids: world.randomIds,
      publish: (conversation: string, events: readonly TypedEvent[]) => this.live.publish(conversation, events),
      prompts: new Prompts(models, counter, listPrices),
      prices: listPrices,
      meter: noMeter,
    };
    const health = {
      failed: (part: string, err: unknown) => warn({ err }, `${part} failed in the background`),
      recovered: () => {},
    };
    const onDamage = (err: unknown) => warn({ err }, 'an event could not be read');
    this.live = new LiveEvents({ log, codec, clock, health, onDamage });
    this.feeds = new FeedSource({ log, codec, live: this.live });

    const model = simulatedModel(world, this, clock);
    this.saga = new GenerationSaga({
      ...base,
      health,
      drain: new Drain(10_000, clock),
      modelOf: () => model,
      listen: (id, listener) => this.live.listen(id, listener),
      slots: new Slots(SLOTS),
      bounds: {
        window: { flushes: new FlushClock(clock, 50), bytes: 4_096 },
        firstTokenTimeoutMs: 60_000,
        idleTimeoutMs: 60_000,
      },
      generationTimeoutMs: 600_000,
      leaseMs: LEASE_MS,
      worker: name,
    });
    const parts: ConversationParts = { ...base, runner: this.saga };
    const handle = recordWork(codec, work, () => this.saga.wake());
    this.runner = new SubscriptionRunner(
      { name: 'work', filter: { categories: ['conversation'] }, handle, inAnyOrder: true },
      {
        ...{ log, clock, warn, health },
        checkpoints: world.onWire(this, 'checkpoints', world.checkpoints),
        leases: world.onWire(this, 'leases', world.leases),
        // Of this process alone: those of the others are lost.
        hints: new MemoryHints(),
        holder: name,
        leaseMs: LEASE_MS,
      },
    );
    this.start = new StartConversationHandler(parts);
    this.send = new SendMessageHandler(parts);
    this.regenerate = new RegenerateHandler(parts);
    this.cancel = new CancelGenerationHandler(parts);
  }

  async begin(): Promise<void> {
    await this.live.start();
    this.saga.start();
    this.runner.start();
    this.isAccepting = true;
  }

  /** As `kill -9` does: what it was about to do is not done. */
  kill(): void {
    this.isDead = true;
    this.isAccepting = false;
    this.world.schedule.forgetTheDead();
    this.die();
  }

  /** As SIGSTOP and SIGCONT do. */
  freeze(milliseconds: number): void {
    this.frozenUntilMs = this.world.schedule.nowMs + milliseconds;
  }

  /** As SIGTERM does: it finishes or hands over what it has, and ends. */
  async stop(): Promise<void> {
    this.isAccepting = false;
    await this.saga.stop();
    await this.runner.stop();
    this.kill();
  }

  private warn(facts: object, message: string): void {
    const { err } = facts as { err?: unknown };
    if (err === undefined || err instanceof RetryableError) return;
    this.world.warnings.push(`${this.name}: ${message}: ${err instanceof Error ? (err.stack ?? err.message) : err}`);
  }
}
