import type { Conversation } from '../domain/conversation/conversation.js';
import { conversationStream } from '../domain/streams.js';
import type { ConversationEvent } from '../events/conversation-events.js';
import type { Metadata } from '../events/envelope.js';
import { ignoreOutage } from '../ports/errors.js';
import type { Job, JobStage } from '../ports/work.js';
import type { ConversationParts } from './conversation-parts.js';
import { countEndings } from './count-endings.js';
import { originFor, originOf } from './origin.js';
import type { Origin } from './prompt-runner.js';
import { type Awaitable, type Transacted, transact } from './transact.js';

export interface ConversationTransaction {
  readonly tenant: string;
  readonly conversation: string;
  readonly meta: Metadata;
  /** The command derives from an idempotency key. */
  readonly isKeyed?: boolean;
  readonly decide: (state: Conversation) => Awaitable<readonly ConversationEvent[]>;
}

/**
 * Decides on a conversation. Offers a new prompt to the runner of this process while it is being appended, and records
 * prompts that the runner declined in the work table. A crash in between loses nothing, because the subscription `work`
 * records the same.
 */
export async function transactConversation(
  parts: ConversationParts,
  { tenant, conversation, meta, isKeyed = false, decide }: ConversationTransaction,
): Promise<Transacted<Conversation, ConversationEvent>> {
  const offered = new Set<string>();
  const jobOf = (generation: string): Job => ({ generation, conversation, tenant, owner: meta.owner ?? null });
  const done = await transact(parts, {
    stream: conversationStream(conversation),
    tenant,
    meta: { ...meta, conversation },
    isKeyed,
    folds: parts.conversations,
    decide,
    onCommitted: (events) => parts.publish(conversation, events),
    onAppend(events, onItsWay) {
      const prompted = events.find(({ type }) => type === 'PromptAssembled') as Prompted | undefined;
      if (!prompted) return;
      const { generationId, provider, model } = prompted.data;
      const origin = {
        ...originOfPrompt(parts, conversation, generationId, meta),
        ...(meta.owner && { owner: meta.owner }),
      };
      if (parts.runner.offer(jobOf(generationId), origin, { provider, model }, onItsWay)) offered.add(generationId);
    },
  });
  warnOfTrimming(parts, conversation, meta.correlationId, done.events);
  countEndings(parts, conversation, done);
  const stages = [...stagesOf(done.events)].filter(([generation]) => !offered.has(generation));
  await Promise.all(
    stages.map(([generation, stage]) => parts.work.record(jobOf(generation), stage).catch(ignoreOutage)),
  );
  if (stages.some(([, stage]) => stage === 'prompted')) parts.runner.wake();
  return done;
}

type Prompted = Extract<ConversationEvent, { type: 'PromptAssembled' }>;

/** The origin of the request for the generation: this command, or an earlier one with its own trace. */
function originOfPrompt(
  { conversations, tracer }: ConversationParts,
  conversation: string,
  generation: string,
  meta: Metadata,
): Origin {
  const known = conversations.last(conversationStream(conversation))?.state;
  return known?.nodes.has(generation)
    ? originOf(known, generation, tracer)
    : originFor(generation, meta, meta.owner, tracer);
}

/** By generation, the stage of its job after these events. */
function stagesOf(events: readonly ConversationEvent[]): Map<string, JobStage> {
  const stages = new Map<string, JobStage>();
  for (const { type, data } of events) {
    if (type === 'GenerationRequested') stages.set(data.generationId, 'requested');
    if (type === 'PromptAssembled') stages.set(data.generationId, 'prompted');
  }
  return stages;
}

function warnOfTrimming(
  { warn }: ConversationParts,
  conversation: string,
  traceId: string,
  events: readonly ConversationEvent[],
): void {
  for (const event of events) {
    if (event.type !== 'PromptAssembled') continue;
    const { generationId, trimmed, tokens } = event.data;
    const unfit = trimmed.filter(({ reason }) => reason === 'budget');
    if (unfit.length === 0) continue;
    const { prompt, budget } = tokens;
    warn(
      { traceId, conversation, generation: generationId, trimmed: unfit, prompt, budget },
      'a prompt was trimmed to its token budget',
    );
  }
}
