import type { Command, Conversation } from '../domain/conversation/conversation.js';
import { endOf } from '../domain/conversation/run.js';
import { type GenerationFinalized, type Reply, replyOf } from '../domain/conversation/tree.js';
import type { Recorded } from '../domain/decider.js';
import { Refusal } from '../domain/refusal.js';
import {
  type ConversationEvent,
  conversationOf,
  conversationStream,
  isConversationId,
} from '../events/conversation-events.js';
import type { Metadata } from '../events/envelope.js';
import { limits } from '../limits.js';
import { ignoreOutage } from '../ports/errors.js';
import { type CommandPlace, eventsOf } from '../ports/event-log.js';
import type { GenerationEnd } from '../ports/meter.js';
import type { Job, JobStage } from '../ports/work.js';
import type { ConversationParts } from './conversation-parts.js';
import { metadataOf, type Origin, originFor, originOf, type Request, type WritingCaller } from './origin.js';
import { type Awaitable, CommandKnown, type Transacted, transact } from './transact.js';

export interface Handled {
  /** In which the command has acted. */
  readonly conversation: string;
  /** The first answer of the command. Undefined if it changed nothing. */
  readonly answer: Answer | undefined;
  readonly state: Conversation;
}

/** Handles a command once. A repeated command gets the first answer. */
export async function handle(
  parts: ConversationParts,
  caller: WritingCaller,
  conversation: string,
  { command }: Request,
  decide: (state: Conversation) => Awaitable<readonly ConversationEvent[]>,
): Promise<Handled> {
  const { commandId, fingerprint, by } = command;
  const isKeyed = fingerprint !== undefined;
  if (!isConversationId(conversation)) {
    if (isKeyed && (await parts.log.findCommand(commandId))) throw new Refusal('idempotency_key_reused');
    throw new Refusal('conversation_not_found');
  }
  const meta = { ...metadataOf(caller, commandId), owner: by.user, ...(isKeyed && { fingerprint }) };
  try {
    const transaction = { tenant: by.tenant, conversation, meta, isKeyed, decide };
    const { events, state } = await transactConversation(parts, transaction);
    const last = events.at(-1);
    return { conversation, answer: last && answerOf(events, last.revision + 1), state };
  } catch (error) {
    if (error instanceof CommandKnown) return answeredBefore(parts, command, error.place);
    throw error;
  }
}

/**
 * The command has acted before. The same request gets the first answer, with the ids that its events have; another one is
 * refused. The fingerprint includes the path, so a request to another conversation is another one.
 */
async function answeredBefore(
  { log, codec, conversations }: ConversationParts,
  { commandId, fingerprint }: Command,
  { stream, revision }: CommandPlace,
): Promise<Handled> {
  const recorded: Recorded<ConversationEvent>[] = [];
  const read = eventsOf({ log, codec }, stream, { from: revision, eventsMax: limits.appendEventsMax });
  for await (const event of read) recorded.push(event as unknown as Recorded<ConversationEvent>);
  const others = recorded.findIndex(({ meta }) => meta.commandId !== commandId);
  const events = others < 0 ? recorded : recorded.slice(0, others);
  if (events[0]?.meta.fingerprint !== fingerprint) throw new Refusal('idempotency_key_reused');
  const { state } = await conversations.current(stream);
  return { conversation: conversationOf({ stream }), answer: answerOf(events, revision + events.length), state };
}

/** The cursor after the effect of a command. */
export function cursorOf({ answer, state }: Handled): string {
  return `${(answer ?? state).seen}:0`;
}

/** The answer to a command, the same each time that it is repeated with its key. */
export interface Answer {
  readonly messageId: string | null;
  readonly generationId: string | null;
  /** Null for a queued turn: its prompt was not known at the time of the answer. */
  readonly promptSha256: string | null;
  /** The number of ledger events after the command: the cursor of the answer is `<seen>:0`. */
  readonly seen: number;
}

const nothing: Answer = { messageId: null, generationId: null, promptSha256: null, seen: 0 };

/** Computes the answer from the events of the command, so answers need not be recorded. */
export function answerOf(events: readonly ConversationEvent[], seen: number): Answer {
  return { ...events.reduce(answerWith, nothing), seen };
}

function answerWith(answer: Answer, event: ConversationEvent): Answer {
  switch (event.type) {
    case 'MessageSent':
      return { ...answer, messageId: event.data.messageId };
    case 'GenerationRequested':
      return { ...answer, generationId: event.data.generationId };
    case 'PromptAssembled':
      // The end of a generation opens the next one, whose prompt belongs to an earlier command.
      return event.data.generationId === answer.generationId ? { ...answer, promptSha256: event.data.sha256 } : answer;
    case 'ConversationStarted':
    case 'ConversationRenamed':
    case 'ConversationArchived':
    case 'ConversationRestored':
    case 'ConversationConfigured':
    case 'GenerationCancelRequested':
    case 'GenerationFinalized':
    case 'BranchSelected':
      return answer;
    default:
      // An event of a later version: no answer of this one names what it creates.
      event satisfies never;
      return answer;
  }
}

interface ConversationTransaction {
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

/** Counts and traces every generation that this command has finalized. */
function countEndings(
  { meter, tracer }: Pick<ConversationParts, 'meter' | 'tracer'>,
  conversation: string,
  { events, state }: Transacted<Conversation, ConversationEvent>,
): void {
  for (const { type, data, at } of events) {
    if (type !== 'GenerationFinalized') continue;
    const { generationId: generation, attempt, error } = data;
    const asked = replyOf(state, generation);
    const end = countedEnd(asked, data, at);
    meter.generationEnded(end);
    const errorKind = error?.kind ?? null;
    tracer?.generationEnded({ generation, conversation, asked, askedAt: asked.at, end, attempt, errorKind });
  }
}

/** The labels, in the terms of a run. */
function countedEnd({ prompt }: Reply, result: GenerationFinalized, at: string): GenerationEnd {
  const { status, attempt, usage, cost, ttftMs, durationMs } = endOf(result, at);
  return {
    ...{ status, model: prompt?.model ?? null, ttftMs, durationMs: attempt === null ? null : durationMs },
    promptTokens: tokensIn(usage?.promptTokens),
    completionTokens: tokensIn(usage?.completionTokens),
    cost,
  };
}

/** A provider may report any number. No generation has more tokens, and one wrong number would spoil every sum. */
const tokensIn = (count: number | undefined): number | null =>
  count !== undefined && count <= limits.tokenBudgetMax ? count : null;
