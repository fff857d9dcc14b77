import { type Static, Type } from '@sinclair/typebox';
import { type EventOf, literals, nullable, personalText } from './envelope.js';

const CONVERSATION = 'conversation-';
const GENERATION = 'generation-';

/** The names of the streams of a conversation: its ledger of turns, and the tape of each generation. */
export const conversationStream = (id: string): string => `${CONVERSATION}${id}`;
export const generationStream = (id: string): string => `${GENERATION}${id}`;

type InStream = { readonly stream: string };

/** The conversation of a ledger. */
export const conversationOf = ({ stream }: InStream): string => stream.slice(CONVERSATION.length);

/** The generation of a tape: its events do not repeat it. */
export const generationOf = ({ stream }: InStream): string => stream.slice(GENERATION.length);

/** Whether an event is on a tape; every other event of a conversation is in its ledger. */
export const isOfTape = ({ stream }: InStream): boolean => stream.startsWith(GENERATION);

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** True for a valid id. Other texts may not even form the name of a stream. */
export const isConversationId = (id: string): boolean => UUID.test(id);

const count = Type.Integer({ minimum: 0 });
const attemptNumber = Type.Integer({ minimum: 1 });
const tokens = Type.Optional(count);

/** The tokens of an answer in no provider's words. A number that the provider did not report is absent. */
export const RecordedUsage = Type.Object({
  /** Of the whole request, cached tokens included. */
  input: tokens,
  /** Of the whole answer, reasoning included. */
  output: tokens,
  /** The part of the input that the provider read from its cache, and the part that it wrote there. */
  cachedRead: tokens,
  cachedWrite: tokens,
  /** The part of the output that is reasoning. */
  reasoning: tokens,
  total: tokens,
});
export type RecordedUsage = Static<typeof RecordedUsage>;

/** Why an attempt, and so a generation, failed. */
export const Failure = Type.Object({
  kind: Type.String(),
  message: personalText(),
  providerStatus: Type.Optional(Type.Integer()),
});
export type Failure = Static<typeof Failure>;

const whenBusy = literals('reject', 'enqueue', 'interrupt');
const params = Type.Record(Type.String(), Type.Unknown(), { personal: true });

/** The choices of a conversation or of one turn. Absent: the next level decides. */
const choices = {
  provider: Type.Optional(nullable(Type.String())),
  model: Type.Optional(nullable(Type.String())),
  params: Type.Optional(nullable(params)),
  tokenBudget: Type.Optional(nullable(count)),
  whenBusy: Type.Optional(nullable(whenBusy)),
  /** Ids of recorded texts that prompts of a later release contain (ADR 56). This release does not write them. */
  instructions: Type.Optional(nullable(Type.String())),
  tools: Type.Optional(nullable(Type.String())),
  responseFormat: Type.Optional(nullable(Type.String())),
};

/** The exact body of a request, as parts whose concatenation is its bytes. */
const promptPart = Type.Union([
  Type.Object({ kind: Type.Literal('literal'), text: Type.String() }),
  /**
   * A text in an event, inserted JSON-escaped: it is never copied, so erasing it leaves no copy. The pointer is `data` or `meta`
   * with a JSON pointer (RFC 6901) behind it.
   */
  Type.Object({ kind: Type.Literal('text'), event: Type.String(), pointer: Type.String() }),
  /** A range of the path, each node in the wrapping of its role. One entry, however long the history is. */
  Type.Object({ kind: Type.Literal('path'), from: Type.String(), to: Type.String() }),
  /** A text that only this prompt has. No format of this release writes it. */
  Type.Object({ kind: Type.Literal('own'), value: personalText() }),
]);

/** This release writes text alone. Of the others, which a later release writes, a reader needs to know the type (ADR 56). */
const messagePart = Type.Union([
  Type.Object({ type: Type.Literal('text'), text: personalText() }),
  Type.Object({ type: literals('image', 'file', 'audio', 'tool_result') }),
]);

const answerBlock = Type.Union([
  Type.Object({ kind: Type.Literal('text'), text: Type.String() }),
  Type.Object({ kind: literals('reasoning', 'refusal', 'tool_call', 'item') }),
]);

const leftOut = Type.Object({ from: Type.String(), to: Type.String(), count, reason: Type.String() });

const cost = Type.Object({ amount: Type.String(), currency: Type.String(), priceList: Type.String() });

/** The ledger of turns, in `conversation-<id>`. The keys are the stored type names: they never change. */
export const conversationEvents = {
  ConversationStarted: {
    schema: 2,
    data: Type.Object({
      title: nullable(personalText()),
      system: nullable(personalText()),
      ...choices,
      purpose: literals('chat', 'task', 'what_if', 'document', 'workflow', 'import'),
    }),
  },
  ConversationRenamed: { schema: 1, data: Type.Object({ title: nullable(personalText()) }) },
  ConversationArchived: { schema: 1, data: Type.Object({}) },
  ConversationRestored: { schema: 1, data: Type.Object({}) },
  ConversationConfigured: {
    schema: 1,
    data: Type.Object({ system: Type.Optional(nullable(personalText())), ...choices }),
  },
  MessageSent: {
    schema: 2,
    data: Type.Object({
      messageId: Type.String(),
      parent: nullable(Type.String()),
      role: literals('user', 'assistant', 'tool', 'system', 'developer'),
      origin: literals('person', 'client', 'import'),
      kind: literals('message', 'note'),
      /** Who speaks, and what a prompt contains instead of the parts: a later release writes them (ADR 56). */
      name: Type.Optional(personalText()),
      rendered: Type.Optional(personalText()),
      parts: Type.Array(messagePart, { minItems: 1 }),
      revises: Type.Optional(Type.String()),
    }),
  },
  GenerationRequested: {
    schema: 2,
    data: Type.Object({
      generationId: Type.String(),
      messageId: Type.String(),
      regenerates: Type.Optional(Type.String()),
      options: Type.Object(choices),
      /** Before or after the queued turns. Absent if the turn did not wait. Decided once and recorded. */
      turn: Type.Optional(literals('next', 'last')),
    }),
  },
  PromptAssembled: {
    schema: 2,
    data: Type.Object({
      generationId: Type.String(),
      messageId: Type.String(),
      attempt: attemptNumber,
      provider: Type.String(),
      model: Type.String(),
      /** By which the parts become a body, for example `openai-chat@1`. */
      format: Type.String(),
      /** Where the body goes, below the base address of the provider. */
      request: Type.Object({ path: Type.String() }),
      params,
      parts: Type.Array(promptPart, { minItems: 1 }),
      sha256: personalText(),
      bytes: count,
      tokens: Type.Object({
        prompt: count,
        budget: count,
        reserved: count,
        limit: count,
        estimated: Type.Boolean(),
        encoding: Type.String(),
      }),
      trimmed: Type.Array(leftOut),
      assembler: Type.Integer({ minimum: 1 }),
    }),
  },
  GenerationCancelRequested: {
    schema: 2,
    data: Type.Object({
      generationId: Type.String(),
      /** Null in version 1, which did not say why. */
      reason: nullable(literals('asked', 'client_disconnected', 'interrupted', 'closed')),
    }),
  },
  GenerationFinalized: {
    schema: 2,
    data: Type.Object({
      generationId: Type.String(),
      status: literals('final', 'cancelled', 'error', 'blocked'),
      finishReason: nullable(Type.String()),
      /** Of the answer, in their order. */
      blocks: Type.Array(answerBlock, { personal: true }),
      textSha256: personalText(),
      deltas: count,
      /** The attempt that gave the answer; null when no model was called. */
      attempt: nullable(attemptNumber),
      attempts: count,
      modelServed: nullable(Type.String()),
      usage: nullable(RecordedUsage),
      cost: nullable(cost),
      timings: Type.Object({
        queuedAt: Type.String(),
        claimedAt: nullable(Type.String()),
        firstTextAt: nullable(Type.String()),
        lastTextAt: nullable(Type.String()),
      }),
      error: Type.Optional(Failure),
    }),
  },
  BranchSelected: { schema: 1, data: Type.Object({ leaf: Type.String() }) },
} as const;

export type ConversationEvent = EventOf<typeof conversationEvents>;

/** The tape of one generation, in `generation-<id>`: one writer at a time, fenced by the expected revision. */
export const generationEvents = {
  GenerationClaimed: {
    schema: 2,
    data: Type.Object({
      attempt: attemptNumber,
      worker: Type.String(),
      /** The called model. Version 1 did not record it; the prompt has it. */
      provider: nullable(Type.String()),
      model: nullable(Type.String()),
    }),
  },
  /** A piece of an answer. Pieces of one block are consecutive, except those of parallel tool calls. */
  DeltaReceived: {
    schema: 2,
    data: Type.Object({
      attempt: attemptNumber,
      seq: count,
      block: count,
      /** `withheld` is recorded and not shown. */
      channel: literals('content', 'reasoning', 'tool', 'refusal', 'other', 'withheld'),
      text: personalText(),
      tool: Type.Optional(
        Type.Object({
          id: Type.Optional(Type.String()),
          name: Type.Optional(Type.String()),
          type: Type.Optional(Type.String()),
        }),
      ),
    }),
  },
  /** Without `retryAt` it seals the tape: no event follows, and the end of the generation is a function of the tape. */
  AttemptEnded: {
    schema: 2,
    data: Type.Object({
      attempt: attemptNumber,
      outcome: literals('completed', 'cancelled', 'failed'),
      finishReason: nullable(Type.String()),
      /** The provider's own name, where the normalised one differs. */
      providerFinishReason: Type.Optional(Type.String()),
      modelServed: nullable(Type.String()),
      usage: nullable(RecordedUsage),
      /** The report of the provider, field by field. */
      usageRaw: nullable(Type.Record(Type.String(), Type.Unknown(), { personal: true })),
      /** The provider's ids of the answer and of its request. */
      response: Type.Object({ id: Type.Optional(Type.String()), requestId: Type.Optional(Type.String()) }),
      droppedDeltas: count,
      error: Type.Optional(Failure),
      retryAt: Type.Optional(Type.String()),
    }),
  },
} as const;

export type GenerationEvent = EventOf<typeof generationEvents>;
