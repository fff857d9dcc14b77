import { costOf, usageOf } from '../domain/conversation/run.js';
import { refusals } from '../domain/refusal.js';
import { answerText, deltaText, messageText } from '../domain/texts.js';
import type { TypedEvent } from '../events/codec.js';
import {
  type ConversationEvent,
  conversationStream,
  type GenerationEvent,
  generationOf,
  generationStream,
} from '../events/conversation-events.js';
import { TerminalError } from '../ports/errors.js';
import type { FeedEvent } from './conversation-history.js';
import { type Cursor, cursorIn, formatCursor } from './cursor.js';

type Type = (ConversationEvent | GenerationEvent)['type'];

/** The names of the events in the feed. They are part of the public contract: never derived, never renamed. */
const names: Readonly<Record<Type, string>> = {
  ConversationStarted: 'conversation-started',
  ConversationRenamed: 'conversation-renamed',
  ConversationArchived: 'conversation-archived',
  ConversationRestored: 'conversation-restored',
  ConversationConfigured: 'conversation-configured',
  MessageSent: 'message-sent',
  GenerationRequested: 'generation-requested',
  PromptAssembled: 'prompt-assembled',
  GenerationCancelRequested: 'generation-cancel-requested',
  GenerationFinalized: 'generation-finalized',
  BranchSelected: 'branch-selected',
  GenerationClaimed: 'generation-claimed',
  DeltaReceived: 'delta',
  AttemptEnded: 'attempt-ended',
};

/** All feeds get the same event object, so its frame is made once. */
const framed = new WeakMap<TypedEvent, FramedEvent>();

interface FramedEvent {
  readonly body: string;
  /** The frame with the latest cursor: all live feeds of a conversation ask for the same one. */
  frame?: { readonly cursor: string; readonly bytes: Buffer };
}

export function frameOf({ event, cursor }: FeedEvent): Buffer {
  const text = formatCursor(cursor);
  const known = framedOf(event);
  if (known.frame?.cursor !== text) {
    known.frame = { cursor: text, bytes: Buffer.from(`id: ${text}\n${known.body}`) };
  }
  return known.frame.bytes;
}

/** Approximate bytes of the frame of an event. */
export const weightOf = (event: TypedEvent): number => Buffer.byteLength(framedOf(event).body);

export function snapshotFrame(view: { readonly cursor: string }): Buffer {
  return Buffer.from(`id: ${view.cursor}\nevent: snapshot\ndata: ${oneLine(view)}\n\n`);
}

function framedOf(event: TypedEvent): FramedEvent {
  let known = framed.get(event);
  if (!known) {
    const data = oneLine({ ...dataOf(event as DeliverableEvent), at: event.at });
    known = { body: `event: ${names[event.type as Type]}\ndata: ${data}\n\n` };
    framed.set(event, known);
  }
  return known;
}

/** An event that a feed may deliver. */
type DeliverableEvent = Extract<TypedEvent, { type: Type }>;

/**
 * What clients learn of an event. Each field is named here: one that a later release adds stays in the log until the API has
 * it, and so do the workings of the store and of the nodes.
 */
function dataOf(event: DeliverableEvent): object {
  switch (event.type) {
    case 'ConversationStarted':
      return { title: event.data.title, system: event.data.system, ...choicesIn(event.data) };
    case 'ConversationRenamed':
      return { title: event.data.title };
    case 'ConversationArchived':
    case 'ConversationRestored':
      return {};
    case 'ConversationConfigured':
      return { system: event.data.system, ...choicesIn(event.data) };
    case 'MessageSent':
      return messageData(event.data);
    case 'GenerationRequested': {
      const { generationId, messageId, regenerates, options, turn } = event.data;
      return { generationId, messageId, regenerates, options: choicesIn(options), turn };
    }
    case 'PromptAssembled': {
      const { generationId, messageId, provider, model, params, sha256, bytes, tokens, trimmed } = event.data;
      return { generationId, messageId, provider, model, params, promptSha256: sha256, bytes, tokens, trimmed };
    }
    case 'GenerationCancelRequested':
      return { generationId: event.data.generationId };
    case 'GenerationFinalized':
      return finalizedData(event.data);
    case 'BranchSelected':
      return { leaf: event.data.leaf };
    case 'GenerationClaimed':
      return { generationId: generationOf(event), attempt: event.data.attempt };
    case 'DeltaReceived': {
      const { attempt, seq, block, channel, tool } = event.data;
      return { generationId: generationOf(event), attempt, seq, block, channel, text: deltaText(event.data), tool };
    }
    case 'AttemptEnded':
      return { generationId: generationOf(event), ...endedData(event.data) };
    default:
      return event satisfies never;
  }
}

type DataOf<T extends Type> = Extract<TypedEvent, { type: T }>['data'];

/** An absent choice stays absent: JSON leaves it out. */
function choicesIn({ provider, model, params, tokenBudget, whenBusy }: DataOf<'GenerationRequested'>['options']) {
  return { provider, model, params, tokenBudget, whenBusy };
}

function messageData({ messageId, parent, role, origin, kind, parts, revises }: DataOf<'MessageSent'>): object {
  const shown = parts.map((part) =>
    part.type === 'text' ? { type: part.type, text: part.text } : { type: part.type },
  );
  return { messageId, parent, role, origin, kind, parts: shown, revises, text: messageText(parts) };
}

function finalizedData(data: DataOf<'GenerationFinalized'>): object {
  const { generationId, status, finishReason, blocks, textSha256, deltas, attempt, modelServed, timings } = data;
  return {
    ...{ generationId, status, finishReason, textSha256, deltas, attempt, modelServed, timings },
    text: answerText(blocks),
    usage: usageOf(data.usage),
    cost: costOf(data.cost),
    error: data.error ?? null,
  };
}

function endedData(data: DataOf<'AttemptEnded'>): object {
  const { attempt, outcome, finishReason, modelServed, usage, response, droppedDeltas, error, retryAt } = data;
  const isNamed = Object.keys(response).length > 0;
  return {
    ...{ attempt, outcome, finishReason, modelServed, droppedDeltas, retryAt },
    usage: usageOf(usage),
    ...(isNamed && { response }),
    error: error ?? null,
  };
}

/** JSON has no line feed or carriage return. Some readers also break lines at these characters, so they are escaped. */
const BREAKS_FOR_SOME = /[\u0085\u2028\u2029]/g;

/** JSON that every reader takes for one line. */
export function oneLine(data: unknown): string {
  const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return JSON.stringify(data).replace(BREAKS_FOR_SOME, escaped);
}

/** The ids of one turn, from the answer of its command. */
export interface StreamedTurn {
  readonly conversation: string;
  /** The message that the generation answers. */
  readonly messageId: string;
  readonly generationId: string;
  /** The cursor after the command. All events of the generation come after it. */
  readonly cursor: string;
}

/** The frames of one turn, for the events of its conversation in their order. */
export class TurnFrames {
  private readonly ledgerStream: string;
  private readonly tapeStream: string;
  private ledger: number;
  private taped = 0;

  constructor(private readonly turn: StreamedTurn) {
    this.ledgerStream = conversationStream(turn.conversation);
    this.tapeStream = generationStream(turn.generationId);
    this.ledger = cursorIn('cursor', turn.cursor).ledger;
  }

  /** The frame of an event, if it has one, and the cursor that lists must cover after it. */
  of(event: TypedEvent): (TurnFrame & { readonly place: Cursor }) | undefined {
    if (event.stream === this.tapeStream) {
      // Fail rather than show an answer that lacks a piece.
      if (event.revision > this.taped)
        throw new TerminalError(`event ${this.taped} of ${this.tapeStream} was not received`);
      this.taped = event.revision + 1;
    }
    if (event.stream === this.ledgerStream) this.ledger = Math.max(this.ledger, event.revision + 1);
    const frame = turnFrameOf(event, this.turn.generationId);
    // Lists show that a generation was claimed, but not its single tokens: 1 is enough for all of them.
    return frame && { ...frame, place: { ledger: this.ledger, tape: frame.isLast ? 0 : 1 } };
  }
}

/** The frame that a client of one turn gets for an event. */
type TurnFrame = { readonly bytes: Buffer; readonly isLast: boolean };

/** Undefined for events of other generations, and for deltas that hold no text for people. */
export function turnFrameOf(event: TypedEvent, generationId: string): TurnFrame | undefined {
  if (event.type === 'DeltaReceived') {
    const isShown = generationOf(event) === generationId && event.data.channel === 'content';
    return isShown ? frame({ token: event.data.text }, false) : undefined;
  }
  if (event.type !== 'GenerationFinalized' || event.data.generationId !== generationId) return undefined;
  const { status, blocks, error } = event.data;
  if (status !== 'error') return frame({ done: true, full_response: answerText(blocks), status }, true);
  return frame({ error: error?.message ?? '', code: statusOfFailure(error?.kind ?? '') }, true);
}

/** The HTTP status that the response would have if it had not begun. */
function statusOfFailure(kind: string): number {
  if (Object.hasOwn(refusals, kind)) return 422;
  return statuses[kind] ?? 502;
}

/** Kinds of errors of this process. All others happened at the provider, or on the way to it. */
const statuses: Readonly<Record<string, number>> = {
  timeout: 504,
  interrupted: 500,
  prompt_mismatch: 500,
  too_long: 413,
};

const frame = (data: object, isLast: boolean): TurnFrame => ({
  bytes: Buffer.from(`data: ${oneLine(data)}\n\n`),
  isLast,
});
