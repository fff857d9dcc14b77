import { answerText } from '../domain/answer-text.js';
import { generationOf } from '../domain/streams.js';
import { costOf, usageOf } from '../domain/usage.js';
import type { TypedEvent } from '../events/codec.js';
import type { LogEvent } from '../events/log-events.js';
import type { TenantEvent } from '../events/tenant-events.js';
import type { FeedEvent } from './conversation-history.js';
import { formatCursor } from './cursor.js';

type Type = Exclude<TypedEvent['type'], (TenantEvent | LogEvent)['type']>;

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
    const data = oneLine({ ...dataOf(event), at: event.at });
    known = { body: `event: ${names[event.type as Type]}\ndata: ${data}\n\n` };
    framed.set(event, known);
  }
  return known;
}

/** The data of an event without fields about storage and nodes. */
function dataOf(event: TypedEvent): object {
  switch (event.type) {
    case 'ConversationStarted': {
      const { purpose: _, ...rest } = event.data;
      return rest;
    }
    case 'MessageSent':
      return { ...event.data, text: event.data.parts.map(({ text }) => text).join('') };
    case 'PromptAssembled': {
      const { generationId, messageId, provider, model, params, sha256, bytes, tokens, trimmed } = event.data;
      return { generationId, messageId, provider, model, params, promptSha256: sha256, bytes, tokens, trimmed };
    }
    case 'GenerationCancelRequested':
      return { generationId: event.data.generationId };
    case 'GenerationFinalized':
      return finalizedData(event.data);
    case 'GenerationClaimed':
      return { generationId: generationOf(event), attempt: event.data.attempt };
    case 'DeltaReceived':
      return { generationId: generationOf(event), ...event.data };
    case 'AttemptEnded':
      return { generationId: generationOf(event), ...endedData(event.data) };
    default:
      return event.data;
  }
}

type DataOf<T extends Type> = Extract<TypedEvent, { type: T }>['data'];

function finalizedData({ attempts: _, blocks, usage, cost, error, ...end }: DataOf<'GenerationFinalized'>): object {
  return { ...end, text: answerText(blocks), usage: usageOf(usage), cost: costOf(cost), error: error ?? null };
}

function endedData(data: DataOf<'AttemptEnded'>): object {
  const { usageRaw: _, providerFinishReason: __, usage, response, error, ...end } = data;
  const isNamed = Object.keys(response).length > 0;
  return { ...end, usage: usageOf(usage), ...(isNamed && { response }), error: error ?? null };
}

/** JSON has no line feed or carriage return. Some readers also break lines at these characters, so they are escaped. */
const BREAKS_FOR_SOME = /[\u0085\u2028\u2029]/g;

/** JSON that every reader takes for one line. */
export function oneLine(data: unknown): string {
  const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return JSON.stringify(data).replace(BREAKS_FOR_SOME, escaped);
}
