import type { OnApplicationBootstrap, OnApplicationShutdown, Provider } from '@nestjs/common';
import type { PrometheusMetrics } from '../adapters/prometheus/prometheus-metrics.js';
import { systemClock } from '../adapters/system/system-clock.js';
import { systemIds } from '../adapters/system/system-ids.js';
import { GptTokenCounter } from '../adapters/tokenizer/gpt-token-counter.js';
import { CancelGenerationHandler } from '../commands/cancel-generation.js';
import { ChangeConversationHandler } from '../commands/change-conversation.js';
import type { ConversationParts } from '../commands/conversation-parts.js';
import { FinalizeGeneration, FinalizeGenerationHandler } from '../commands/finalize-generation.js';
import { Folds } from '../commands/folds.js';
import { GenerateReplyHandler } from '../commands/generate-reply.js';
import { PreviewPromptHandler } from '../commands/preview-prompt.js';
import { noRunner, type PromptRunner } from '../commands/prompt-runner.js';
import { Prompts } from '../commands/prompts.js';
import { RegenerateHandler } from '../commands/regenerate.js';
import { SelectBranchHandler } from '../commands/select-branch.js';
import { SendMessageHandler } from '../commands/send-message.js';
import { StartConversationHandler } from '../commands/start-conversation.js';
import type { Publish } from '../commands/transact.js';
import type { Config } from '../config.js';
import { decidedConversation } from '../domain/conversation/conversation.js';
import type { Models } from '../domain/conversation/prompting.js';
import type { Codec } from '../events/codec.js';
import type { BackgroundHealth } from '../ports/background-health.js';
import { Drain } from '../sagas/drain.js';
import { FlushClock } from '../sagas/flush-clock.js';
import { GenerationSaga } from '../sagas/generation-saga.js';
import { recordWork } from '../sagas/record-work.js';
import { Slots } from '../sagas/slots.js';
import { LiveEvents } from '../sse/live-events.js';
import type { Engines } from './engines.js';
import { type Subscriptions, WORK } from './subscriptions.js';

/** What operators get to see. */
export interface Telemetry {
  readonly metrics: PrometheusMetrics;
  /** Ids and counts, never a person's text. */
  readonly warn: (facts: object, message: string) => void;
  readonly info: (facts: object, message: string) => void;
  readonly error: (facts: object, message: string) => void;
}

export interface ConversationSide {
  readonly conversations: ConversationParts['conversations'];
  readonly live: LiveEvents;
  readonly providers: Provider[];
}

export interface ConversationSideParts {
  readonly codec: Codec;
  /** Who works here: unique for each process. */
  readonly worker: string;
  readonly subscriptions: Subscriptions;
  readonly health: BackgroundHealth;
}

/** Conversations and their turns: the commands, and the saga that answers prompts. */
export function conversationSide(
  engines: Engines,
  config: Config,
  { codec, worker, subscriptions, health }: ConversationSideParts,
  { metrics, warn }: Telemetry,
): ConversationSide {
  const { log, work, prices } = engines;
  const conversations = new Folds(log, codec, decidedConversation);
  const onDamage = (error: unknown) => warn({ err: error }, 'an event could not be read, or its reader failed');
  const live = new LiveEvents({ log, codec, clock: systemClock, health, onDamage });
  const prompts = new Prompts(modelsOf(engines, config), new GptTokenCounter(), prices);
  const publish: Publish = (conversation, events) => live.publish(conversation, events);
  const base = { log, codec, clock: systemClock, ids: systemIds, conversations, prompts, prices, work, warn, publish };

  // The saga finalizes by a command, and commands offer prompts to the saga.
  const saga: { runner: PromptRunner } = { runner: noRunner };
  const parts: ConversationParts = {
    ...base,
    meter: metrics,
    runner: { offer: (...offered) => saga.runner.offer(...offered), wake: () => saga.runner.wake() },
  };
  const finalize = new FinalizeGenerationHandler(parts);
  const providers: Provider[] = [
    hosted('live events', new HostedLiveEvents(live)),
    { provide: Prompts, useFactory: () => prompts },
    { provide: FinalizeGenerationHandler, useFactory: () => finalize },
    ...handlers(parts),
  ];
  const drain = new Drain(config.drainMs, systemClock);
  providers.push({ provide: Drain, useFactory: () => drain });
  if (config.roles.includes('saga')) {
    const generations = new GenerationSaga({
      ...base,
      modelOf: (provider) => engines.models.get(provider),
      finalize: (job, tape) => finalize.execute(new FinalizeGeneration(job, tape)),
      listen: (id, listener) => live.listen(id, listener),
      slots: new Slots(config.generationsMax),
      bounds: {
        window: { flushes: new FlushClock(systemClock, config.deltaFlushMs), bytes: config.deltaFlushBytes },
        firstTokenTimeoutMs: config.firstTokenTimeoutMs,
        idleTimeoutMs: config.idleTimeoutMs,
      },
      generationTimeoutMs: config.generationTimeoutMs,
      leaseMs: config.leaseMs,
      worker,
      health,
      drain,
    });
    saga.runner = generations;
    metrics.gauge('generations_open', 'Generations that this process works on.', () => generations.open);
    const handle = recordWork(codec, work, generations);
    // The furthest stage stands, in whatever order they come.
    const subscription = { ...WORK, handle, inAnyOrder: true } as const;
    providers.push(hosted('generation saga', generations), subscriptions.hosted(subscription));
  }
  return { conversations, live, providers };
}

function handlers(parts: ConversationParts): Provider[] {
  const classes = [
    StartConversationHandler,
    ChangeConversationHandler,
    SelectBranchHandler,
    SendMessageHandler,
    GenerateReplyHandler,
    RegenerateHandler,
    CancelGenerationHandler,
    PreviewPromptHandler,
  ];
  return classes.map((handler) => ({ provide: handler, useFactory: () => new handler(parts) }));
}

/** OpenAI has no model of its own: which one it is costs money, and somebody has to say so. */
function modelsOf({ models }: Engines, { provider, model }: Config): Models {
  const own = new Map<string, string | null>([['demo', 'demo']]);
  const providers = Object.fromEntries([...models.keys()].map((name) => [name, own.get(name) ?? null]));
  return { provider, model: model ?? null, providers };
}

const hosted = (name: string, service: object): Provider => ({ provide: name, useFactory: () => service });

/** What hears of events starts before anything that could cause one, and ends after it. */
class HostedLiveEvents implements OnApplicationBootstrap, OnApplicationShutdown {
  constructor(private readonly live: LiveEvents) {}

  async onApplicationBootstrap(): Promise<void> {
    await this.live.start();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.live.stop();
  }
}
