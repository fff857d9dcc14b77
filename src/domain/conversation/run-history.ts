import type { Attempt, Tape } from '../generation.js';
import { deltaText } from '../texts.js';
import type { Conversation } from './conversation.js';
import { between, type DeltaView, endOf, promptIn, type Run, type RunEvent, statusOf, unknownRun } from './run.js';
import { lineageOf, type Reply } from './tree.js';

/** The folds and events of one generation. */
export interface RunFacts {
  readonly conversation: string;
  readonly state: Conversation;
  readonly reply: Reply;
  readonly tape: Tape;
  readonly events: readonly RunEvent[];
}

export function runOf({ conversation, state, reply, tape, events }: RunFacts): Run {
  const { id, parent: message, regenerates, prompt, result } = reply;
  const attempt = tape.attempts.at(-1);
  return {
    ...unknownRun(id, conversation, state.owner?.user ?? null),
    ...{ message, regenerates, lineage: lineageOf(state, id) },
    ...(prompt && promptIn(prompt)),
    status: statusOf(state, reply, attempt !== undefined),
    attempt: attempt?.number ?? null,
    ttftMs: between(attempt?.claimedAt, attempt?.firstTextAt),
    responseId: attempt?.end?.response.id ?? null,
    requestId: attempt?.end?.response.requestId ?? null,
    ...(result && endOf(result, events.at(-1)?.at)),
    events,
  };
}

type RecordedDelta = Omit<DeltaView, 'offsetMs'> & { readonly attempt: number };

/** The deltas of the attempt that sealed the tape, or of the latest one if the tape is not sealed. */
export function deltasOf(attempt: Attempt | undefined, deltas: readonly RecordedDelta[]): readonly DeltaView[] {
  if (!attempt) return [];
  const start = Date.parse(attempt.claimedAt);
  return deltas
    .filter((delta) => delta.attempt === attempt.number)
    .map(({ seq, at, text, channel, block, tool }) => ({
      ...{ seq, at, text: deltaText({ channel, text }), channel, block, ...(tool && { tool }) },
      offsetMs: Date.parse(at) - start,
    }));
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
  let seen = 0;
  const addWhile = (applies: (entry: LedgerEntry) => boolean, taped: number) => {
    for (let next = waiting[0]; next && applies(next); next = waiting[0]) {
      waiting.shift();
      seen = next.seen;
      const { type, at } = next;
      events.push({ cursor: `${seen}:${type === 'GenerationFinalized' ? 0 : taped}`, type, at });
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
