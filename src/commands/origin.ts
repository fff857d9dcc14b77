import { createHash } from 'node:crypto';
import type { Command, Conversation } from '../domain/conversation/conversation.js';
import { replyOf } from '../domain/conversation/tree.js';
import type { Metadata } from '../events/envelope.js';
import type { Ids } from '../ports/ids.js';
import type { Trace, Tracer } from '../ports/tracer.js';

/** The user and the trace of a request, which every command has. */
export interface Caller {
  readonly tenant: string;
  readonly user: string;
  readonly traceId: string;
  /** The traceparent of the request, if it was valid. */
  readonly traceparent?: string;
}

/** The caller of a command that appends to a conversation. An idempotency key makes it safe to repeat. */
export interface WritingCaller extends Caller {
  readonly idempotency?: {
    readonly key: string;
    /** The hash of the whole request. The same key with another fingerprint is refused. */
    readonly fingerprint: string;
  };
}

export function metadataOf({ user, traceId, traceparent }: Caller, commandId: string): Metadata {
  return {
    actor: { id: user, kind: 'user' },
    correlationId: traceId,
    commandId,
    ...(traceparent && { traceparent }),
  };
}

/** A command with the ids that derive from it, so that a repeated command creates the same things. */
export interface Request {
  readonly command: Command;
  /** The ids of what the command creates. */
  readonly idOf: (what: 'conversation' | 'message' | 'generation') => string;
}

/** The first part of the name of every command id that derives from a key. No other derived id has it. */
const KEYS = '6f1b0d1e-52a5-4a0c-9c3b-6f5a5ed0c7b4';

/** Always the same id for the same key of the same user. Without a key, a new id. */
function commandIdOf({ tenant, user, idempotency }: WritingCaller, ids: Ids): string {
  return idempotency ? derivedId(KEYS, JSON.stringify([tenant, user, idempotency.key])) : ids.random();
}

export function requestOf(caller: WritingCaller, { ids }: { readonly ids: Ids }): Request {
  const { tenant, user, idempotency } = caller;
  const commandId = commandIdOf(caller, ids);
  const fingerprint = idempotency && { fingerprint: idempotency.fingerprint };
  return {
    command: { commandId, by: { tenant, user }, ...fingerprint },
    idOf: (what) => derivedId(commandId, what),
  };
}

/**
 * A UUID (version 5) that derives from another one and a name. It is always the same, so a repeated command is recognised.
 */
export function derivedId(from: string, name: string): string {
  const hash = createHash('sha1')
    .update(Buffer.from(from.replaceAll('-', ''), 'hex'))
    .update(name, 'utf8')
    .digest();
  hash.writeUInt8((hash.readUInt8(6) & 0x0f) | 0x50, 6);
  hash.writeUInt8((hash.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = hash.toString('hex', 0, 16);
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}

/** Of a generation, what every event on its tape says of its origin. */
export type Origin = Pick<Metadata, 'actor' | 'owner' | 'correlationId' | 'traceparent'>;

export const WORKER = { id: 'verbatim', kind: 'service' };
export const OPERATOR = { id: 'operator', kind: 'operator' };

/** Events of a generation have the owner of the conversation, and the trace of the request that started it. */
export function originOf(state: Conversation, generation: string, tracer: Tracer | undefined): Origin {
  return originFor(generation, replyOf(state, generation), state.owner?.user, tracer);
}

/** If tracing is on, the traceparent is the span of the generation. */
export function originFor(
  generation: string,
  asked: Trace,
  owner: string | null | undefined,
  tracer: Tracer | undefined,
): Origin {
  const traceparent = tracer?.generationParent(generation, asked);
  return {
    actor: WORKER,
    correlationId: asked.correlationId,
    ...(owner && { owner }),
    ...(traceparent && { traceparent }),
  };
}
