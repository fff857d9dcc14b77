import {
  Inject,
  Module,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleDestroy,
} from '@nestjs/common';
import { PrometheusMetrics } from '../adapters/prometheus/prometheus-metrics.js';
import { GptTokenCounter } from '../adapters/tokenizer/gpt-token-counter.js';
import { ChangeConversationHandler } from '../commands/change-conversation.js';
import type { ConversationFolds, ConversationParts } from '../commands/conversation-parts.js';
import { CancelGenerationHandler } from '../commands/endings.js';
import { Folds } from '../commands/folds.js';
import { KeptFolds } from '../commands/kept-folds.js';
import { Prompts } from '../commands/prompts.js';
import { SelectBranchHandler } from '../commands/select-branch.js';
import { StartConversationHandler } from '../commands/start-conversation.js';
import {
  GenerateReplyHandler,
  PreviewPromptHandler,
  RegenerateHandler,
  SendMessageHandler,
} from '../commands/turns.js';
import type { Config } from '../config.js';
import { decidedConversation } from '../domain/conversation/conversation.js';
import type { Models } from '../domain/conversation/prompting.js';
import type { Codec } from '../events/codec.js';
import { limits } from '../limits.js';
import type { Work } from '../ports/work.js';
import { FlushClock } from '../sagas/flush-clock.js';
import { Drain, GenerationSaga } from '../sagas/generation-saga.js';
import { recordWork } from '../sagas/record-work.js';
import { Slots } from '../sagas/slots.js';
import { LiveEvents } from '../sse/live-events.js';
import { BackgroundModule, RUNNER_PARTS } from './background.module.js';
import { BackgroundWork } from './background-work.js';
import type { Engines } from './engines.js';
import { PORTS } from './ports.module.js';
import { provider, token } from './provider.js';
import { Subscriptions } from './subscriptions.js';

/** What this process remembers of conversations. */
export const CONVERSATION_FOLDS = token<ConversationFolds>('ConversationFolds');
const DECISION_PARTS = token<Omit<ConversationParts, 'runner'>>('dependencies of commands on conversations');
const COMMAND_PARTS = token<ConversationParts>('ConversationParts');

const { log, codec, clock, ids, work, keptFolds, prices, models, config, telemetry } = PORTS;
const written = { log, codec, clock, ids, work, prices };
const live = LiveEvents;
const handlers: (new (parts: ConversationParts) => object)[] = [
  StartConversationHandler,
  ChangeConversationHandler,
  SelectBranchHandler,
  SendMessageHandler,
  GenerateReplyHandler,
  RegenerateHandler,
  CancelGenerationHandler,
  PreviewPromptHandler,
];

/**
 * The commands on conversations, and the saga that answers their prompts. Commands offer every prompt to the saga. It declines
 * all of them until the module of its role starts it.
 */
@Module({
  imports: [BackgroundModule],
  providers: [
    provider(KeptFolds, { log, codec, keptFolds, telemetry }, ({ keptFolds: store, telemetry: { warn }, ...parts }) => {
      const everyEvents = limits.keptFoldEveryEvents;
      return new KeptFolds({ ...parts, store, warn, everyEvents, aggregate: decidedConversation });
    }),
    provider(
      CONVERSATION_FOLDS,
      { log, codec, kept: KeptFolds },
      ({ log, codec, kept }) => new Folds(log, codec, decidedConversation, kept),
    ),
    provider(
      Prompts,
      { models, config, prices },
      ({ models, config, prices }) => new Prompts(modelsOf(models, config), new GptTokenCounter(), prices),
    ),
    provider(Drain, { config, clock }, ({ config, clock }) => new Drain(config.drainMs, clock)),
    provider(
      DECISION_PARTS,
      { ...written, telemetry, live, meter: PrometheusMetrics, prompts: Prompts, conversations: CONVERSATION_FOLDS },
      ({ live, telemetry: { warn, tracer }, ...parts }) => {
        return { ...parts, warn, tracer, publish: (conversation, events) => live.publish(conversation, events) };
      },
    ),
    provider(
      GenerationSaga,
      { parts: DECISION_PARTS, work, config, models, live, drain: Drain, runner: RUNNER_PARTS },
      ({ parts, work, config, models, live, drain, runner: { holder: worker, leaseMs, health, clock } }) =>
        new GenerationSaga({
          ...{ ...parts, work, drain, worker, leaseMs, health },
          modelOf: (provider) => models.get(provider),
          listen: (conversation, listener) => live.listen(conversation, listener),
          slots: new Slots(config.generationsMax),
          bounds: {
            window: { flushes: new FlushClock(clock, config.deltaFlushMs), bytes: config.deltaFlushBytes },
            firstTokenTimeoutMs: config.firstTokenTimeoutMs,
            idleTimeoutMs: config.idleTimeoutMs,
          },
          generationTimeoutMs: config.generationTimeoutMs,
        }),
    ),
    provider(COMMAND_PARTS, { parts: DECISION_PARTS, runner: GenerationSaga }, ({ parts, runner }) => ({
      ...parts,
      runner,
    })),
    ...handlers.map((Handler) => provider(Handler, { parts: COMMAND_PARTS }, ({ parts }) => new Handler(parts))),
  ],
  exports: [CONVERSATION_FOLDS, GenerationSaga],
})
export class ConversationsModule implements OnApplicationShutdown {
  constructor(private readonly kept: KeptFolds) {}

  async onApplicationShutdown(): Promise<void> {
    await this.kept.settled();
  }
}

/** The role `saga`: answers prompts, and keeps the work table up to date. */
@Module({ imports: [ConversationsModule, BackgroundModule] })
export class SagaRoleModule implements OnApplicationBootstrap, OnModuleDestroy {
  constructor(
    private readonly saga: GenerationSaga,
    private readonly background: BackgroundWork,
    private readonly subscriptions: Subscriptions,
    @Inject(PORTS.codec) private readonly codec: Codec,
    @Inject(PORTS.work) private readonly work: Work,
    metrics: PrometheusMetrics,
  ) {
    metrics.gauge('generations_open', 'Generations that this process works on.', () => saga.open);
  }

  onApplicationBootstrap(): void {
    this.saga.start();
    this.background.start(
      this.subscriptions.runner(
        'work',
        recordWork(this.codec, this.work, () => this.saga.wake()),
      ),
    );
  }

  /** The server still takes connections, so open answers stream to their clients until they end or the drain is over. */
  async onModuleDestroy(): Promise<void> {
    await this.saga.stop();
  }
}

/** OpenAI has no model of its own. Which one it is decides the costs, so a setting or a request must name it. */
function modelsOf(models: Engines['models'], { provider, model }: Config): Models {
  const own = new Map<string, string | null>([['demo', 'demo']]);
  const providers = Object.fromEntries([...models.keys()].map((name) => [name, own.get(name) ?? null]));
  return { provider, model: model ?? null, providers };
}
