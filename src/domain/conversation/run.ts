import type { Failure } from '../../events/outcome.js';
import type { Attempt, RecordedChannel, Tape } from '../generation.js';
import { type Cost, costOf, type Usage, usageOf } from '../usage.js';
import type { Conversation } from './conversation.js';
import type { PromptAssembled, Reply } from './nodes.js';
import { lineageOf, type NodeStatus, statusOf } from './tree.js';

/** An event of one generation, in its ledger or on its tape, and the cursor after it. */
export interface RunEvent {
  readonly cursor: string;
  readonly type: string;
  readonly at: string;
}

/** The folds and events of one generation. */
export interface RunFacts {
  readonly conversation: string;
  readonly state: Conversation;
  readonly reply: Reply;
  readonly tape: Tape;
  readonly events: readonly RunEvent[];
}

/** One generation for auditors. Null is a value that is unknown, or not known yet. */
export interface RunView {
  readonly id: string;
  readonly conversation: string;
  readonly message: string;
  readonly user: string | null;
  readonly provider: string | null;
  readonly model: string | null;
  readonly modelServed: string | null;
  /** The provider's ids of the latest answer and its request. */
  readonly responseId: string | null;
  readonly requestId: string | null;
  readonly params: PromptAssembled['params'] | null;
  readonly promptSha256: string | null;
  readonly tokens: PromptAssembled['tokens'] | null;
  readonly usage: Usage;
  readonly cost: Cost;
  readonly ttftMs: number | null;
  readonly durationMs: number | null;
  readonly status: NodeStatus;
  readonly finishReason: string | null;
  readonly attempt: number | null;
  readonly regenerates: string | null;
  readonly lineage: readonly string[];
  readonly error: Failure | null;
  readonly events: readonly RunEvent[];
}

export function runOf({ conversation, state, reply, tape, events }: RunFacts): RunView {
  const { id, parent, regenerates, prompt, result } = reply;
  const attempt = tape.attempts.at(-1);
  return {
    id,
    conversation,
    message: parent,
    user: state.owner?.user ?? null,
    provider: prompt?.provider ?? null,
    model: prompt?.model ?? null,
    modelServed: result?.modelServed ?? null,
    responseId: attempt?.end?.response.id ?? null,
    requestId: attempt?.end?.response.requestId ?? null,
    params: prompt?.params ?? null,
    promptSha256: prompt?.sha256 ?? null,
    tokens: prompt?.tokens ?? null,
    usage: usageOf(result?.usage ?? null),
    cost: costOf(result?.cost ?? null),
    ttftMs: between(attempt?.claimedAt, attempt?.firstTextAt),
    durationMs: between(reply.at, result && events.at(-1)?.at),
    status: statusOf(state, reply, attempt !== undefined),
    finishReason: result?.finishReason ?? null,
    attempt: attempt?.number ?? null,
    regenerates,
    lineage: lineageOf(state, id),
    error: result?.error ?? null,
    events,
  };
}

/** A piece of an answer, and its milliseconds after the claim of the attempt. */
export interface DeltaView {
  readonly seq: number;
  readonly at: string;
  readonly text: string;
  readonly channel: RecordedChannel;
  readonly block: number;
  /** The called tool, on the first piece of a tool call. */
  readonly tool?: { readonly id?: string; readonly name?: string; readonly type?: string };
  readonly offsetMs: number;
}

type RecordedDelta = Omit<DeltaView, 'offsetMs'> & { readonly attempt: number };

/** The deltas of the attempt that sealed the tape, or of the latest one if the tape is not sealed. */
export function deltasOf(attempt: Attempt | undefined, deltas: readonly RecordedDelta[]): readonly DeltaView[] {
  if (!attempt) return [];
  const start = Date.parse(attempt.claimedAt);
  return deltas
    .filter((delta) => delta.attempt === attempt.number)
    .map(({ seq, at, text, channel, block, tool }) => {
      return { seq, at, text, channel, block, ...(tool && { tool }), offsetMs: Date.parse(at) - start };
    });
}

/** A ledger event of a generation, and the number of ledger events up to it. */
export interface LedgerEntry {
  readonly type: string;
  readonly at: string;
  readonly seen: number;
}

/**
 * The events of one generation in a possible order of time: the prompt, the tape, the end. A cancel request, which is in the
 * ledger, comes among the events of the tape by its time.
 */
export function inOrder(
  ledger: readonly LedgerEntry[],
  tape: readonly { readonly type: string; readonly at: string }[],
): readonly RunEvent[] {
  const events: RunEvent[] = [];
  const waiting = [...ledger];
  const add = ({ type, at, seen }: LedgerEntry, taped: number) => events.push({ cursor: `${seen}:${taped}`, type, at });
  let seen = 0;
  const addWhile = (applies: (entry: LedgerEntry) => boolean, taped: number) => {
    for (let next = waiting[0]; next && applies(next); next = waiting[0]) {
      waiting.shift();
      seen = next.seen;
      add(next, next.type === 'GenerationFinalized' ? 0 : taped);
    }
  };
  addWhile(({ type }) => type === 'GenerationRequested' || type === 'PromptAssembled', 0);
  for (const [nth, { type, at }] of tape.entries()) {
    addWhile((entry) => entry.type !== 'GenerationFinalized' && entry.at < at, nth);
    events.push({ cursor: `${seen}:${nth + 1}`, type, at });
  }
  addWhile(() => true, tape.length);
  return events;
}

/** Milliseconds. Null if a time is unknown. */
export function between(from: string | null | undefined, to: string | null | undefined): number | null {
  return from && to ? Date.parse(to) - Date.parse(from) : null;
}
