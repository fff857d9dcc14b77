import type { GenerationEvent } from '../events/conversation-events.js';
import { limits } from '../limits.js';
import type { Aggregate, Decide, Recorded } from './decider.js';

export type AttemptEnded = Extract<GenerationEvent, { type: 'AttemptEnded' }>['data'];
type Delta = Extract<GenerationEvent, { type: 'DeltaReceived' }>['data'];
export type RecordedChannel = Delta['channel'];

/** The channels that a feed shows. */
export type ReadChannel = 'content' | 'reasoning';

/** One claim of the tape, with at most one call to the model. */
export interface Attempt {
  readonly number: number;
  readonly worker: string;
  readonly claimedAt: string;
  /** The number of deltas in all channels. */
  readonly deltas: number;
  readonly text: Readonly<Record<ReadChannel, string>>;
  /** The times of the first and the last delta in a channel that readers see. */
  readonly firstTextAt: string | null;
  readonly lastTextAt: string | null;
  readonly end: AttemptEnded | null;
}

export interface Tape {
  /** At most a few, however long the tape is, so every event costs the same. */
  readonly attempts: readonly Attempt[];
  /** The last event of the tape. The end in the ledger names it as its cause. */
  readonly seal: { readonly event: string; readonly at: string } | null;
}

export const generation: Aggregate<Tape, Recorded<GenerationEvent>> = {
  initial: { attempts: [], seal: null },
  evolve(tape, event) {
    if (tape.seal) return tape;
    switch (event.type) {
      case 'GenerationClaimed':
        return claimed(tape, event);
      case 'DeltaReceived':
        return received(tape, event);
      case 'AttemptEnded':
        return ended(tape, event);
      default:
        event satisfies never;
        return tape;
    }
  },
};

type RecordedOf<T extends GenerationEvent['type']> = Extract<Recorded<GenerationEvent>, { type: T }>;

/** A claim ends the attempt before it. From here on the log refuses appends of the earlier worker. */
function claimed(tape: Tape, { data: { attempt, worker }, at }: RecordedOf<'GenerationClaimed'>): Tape {
  if (attempt <= (tape.attempts.at(-1)?.number ?? 0)) return tape;
  const text = { content: '', reasoning: '' };
  const next = {
    number: attempt,
    worker,
    claimedAt: at,
    deltas: 0,
    text,
    firstTextAt: null,
    lastTextAt: null,
    end: null,
  };
  return { ...tape, attempts: [...tape.attempts, next] };
}

function received(tape: Tape, { data: { attempt, text, channel }, at }: RecordedOf<'DeltaReceived'>): Tape {
  return withOpen(tape, attempt, (open) => ({
    ...open,
    deltas: open.deltas + 1,
    ...(isRead(channel) && { text: { ...open.text, [channel]: open.text[channel] + text } }),
    ...(isSeen(channel) && { firstTextAt: open.firstTextAt ?? at, lastTextAt: at }),
  }));
}

function isSeen(channel: RecordedChannel): boolean {
  switch (channel) {
    case 'content':
    case 'reasoning':
    case 'tool':
    case 'refusal':
      return true;
    case 'other':
    case 'withheld':
      return false;
    default:
      return channel satisfies never;
  }
}

const isRead = (channel: RecordedChannel): channel is ReadChannel => channel === 'content' || channel === 'reasoning';

function ended(tape: Tape, { data, id, at }: RecordedOf<'AttemptEnded'>): Tape {
  const after = withOpen(tape, data.attempt, (open) => ({ ...open, end: data }));
  return after === tape || data.retryAt !== undefined ? after : { ...after, seal: { event: id, at } };
}

function withOpen(tape: Tape, number: number, change: (open: Attempt) => Attempt): Tape {
  const open = openAttempt(tape);
  return open?.number === number ? { ...tape, attempts: tape.attempts.with(-1, change(open)) } : tape;
}

/** The attempt that has not ended: its worker is alive, or died. */
export function openAttempt({ attempts }: Tape): Attempt | undefined {
  const last = attempts.at(-1);
  return last?.end === null ? last : undefined;
}

/** The attempt that sealed the tape. Its text is the answer; all earlier attempts have no text. */
export function attemptThatCounts({ attempts, seal }: Tape): Attempt | undefined {
  return seal ? attempts.at(-1) : undefined;
}

/** The time before which a failed attempt must not be retried. */
export function retryAt({ attempts, seal }: Tape): string | undefined {
  return seal ? undefined : attempts.at(-1)?.end?.retryAt;
}

/** A model, and the provider that serves it. */
export interface AskedModel {
  readonly provider: string;
  readonly model: string;
}

/** The knowledge of a worker beside the tape when it claims a generation. */
export interface WorkerContext {
  /** The model of the prompt. */
  readonly asked: AskedModel;
  readonly worker: string;
  readonly nowMs: number;
  /** After this time no model is called. */
  readonly deadlineMs: number;
  readonly cancelRequested: boolean;
}

export type TapeDecision = Decide<Tape, GenerationEvent>;

/**
 * Claims a tape without a living worker: a new one, one that waits for its retry, or one whose worker died. An open attempt
 * belongs to a dead worker. Call the model only if the last returned event is a claim. No event means that the tape is sealed
 * or that its retry is not due. Any other events end the generation without a call.
 */
export function takeUp(circumstances: WorkerContext): TapeDecision {
  return (tape) => {
    if (tape.seal) return [];
    const open = openAttempt(tape);
    return open ? takeOver(tape, open, circumstances) : takeNext(tape, circumstances);
  };
}

function takeNext(tape: Tape, circumstances: WorkerContext): GenerationEvent[] {
  const { nowMs, deadlineMs, cancelRequested } = circumstances;
  const attempt = (tape.attempts.at(-1)?.number ?? 0) + 1;
  const claim = claimOf(attempt, circumstances);
  if (cancelRequested) return [claim, cancelled(attempt)];
  if (nowMs >= deadlineMs) return [claim, interrupted(attempt, TOO_LATE)];
  const due = retryAt(tape);
  return due !== undefined && nowMs < Date.parse(due) ? [] : [claim];
}

/** Ends the attempt of a dead worker, whose call may have reached the provider. Claims again if no delta was recorded. */
function takeOver(tape: Tape, open: Attempt, circumstances: WorkerContext): GenerationEvent[] {
  const { nowMs, deadlineMs, cancelRequested } = circumstances;
  if (cancelRequested) return [cancelled(open.number)];
  const mayTryAgain = open.deltas === 0 && calls(tape) < limits.attemptsAfterCrashMax && nowMs < deadlineMs;
  if (!mayTryAgain) return [interrupted(open.number, STOPPED)];
  return [interrupted(open.number, STOPPED, isoTime(nowMs)), claimOf(open.number + 1, circumstances)];
}

const claimOf = (attempt: number, { worker, asked: { provider, model } }: WorkerContext): GenerationEvent => ({
  type: 'GenerationClaimed',
  data: { attempt, worker, provider, model },
});

/**
 * Takes back a claim whose prompt was not committed, before any work on it. The claim counts for nothing: the next
 * worker has all attempts.
 */
export function withdraw(nowMs: number): TapeDecision {
  return (tape) => {
    const open = openAttempt(tape);
    if (!open) return [];
    const error = {
      kind: WITHDRAWN,
      message: 'The prompt was not committed, so no model was called.',
    };
    const end = { attempt: open.number, outcome: 'failed' as const, ...ofNoCall, error, retryAt: isoTime(nowMs) };
    return [{ type: 'AttemptEnded', data: end }];
  };
}

const WITHDRAWN = 'withdrawn';

/** The attempts that may have called a model. */
const calls = ({ attempts }: Tape): number => attempts.filter(({ end }) => end?.error?.kind !== WITHDRAWN).length;

/** A received piece of an answer, and the number of its block. */
export type Received = Pick<Delta, 'block' | 'channel' | 'text' | 'tool'>;

/** Records a piece of the answer. An empty piece is not recorded, unless it begins a tool call. */
export function receive(attempt: number, { block, channel, text, tool }: Received): TapeDecision {
  return (tape) => {
    const open = openAttempt(tape);
    if (open?.number !== attempt || (text === '' && !tool)) return [];
    return [
      { type: 'DeltaReceived', data: { attempt, seq: open.deltas, block, channel, text, ...(tool && { tool }) } },
    ];
  };
}

/** The end of a call, as its worker saw it. */
export type Ending = Pick<AttemptEnded, 'modelServed' | 'usage' | 'usageRaw' | 'droppedDeltas' | 'response'> &
  (
    | { readonly outcome: 'completed'; readonly finishReason: string; readonly providerFinishReason?: string }
    | { readonly outcome: 'cancelled' }
    | { readonly outcome: 'failed'; readonly error: NonNullable<AttemptEnded['error']>; readonly retry: Retry | null }
  );

/** When to retry a failure that may pass. */
export interface Retry {
  readonly nowMs: number;
  readonly deadlineMs: number;
  /** The pause that the provider asked for, or else the backoff. */
  readonly delayMs: number;
}

/** Seals the tape, or schedules a retry if the failure may pass and no text has come. */
export function endAttempt(attempt: number, ending: Ending): TapeDecision {
  return (tape) => {
    const open = openAttempt(tape);
    if (open?.number !== attempt) return [];
    const again = ending.outcome === 'failed' && ending.retry ? timeOfRetry(tape, open, ending.retry) : undefined;
    const data = { attempt, ...recordedEnd(ending) };
    return [{ type: 'AttemptEnded', data: again === undefined ? data : { ...data, retryAt: again } }];
  };
}

function recordedEnd(ending: Ending): Omit<AttemptEnded, 'attempt'> {
  const { outcome, modelServed, usage, usageRaw, response, droppedDeltas } = ending;
  const own = outcome === 'completed' ? ending.providerFinishReason : undefined;
  return {
    outcome,
    finishReason: outcome === 'completed' ? ending.finishReason : null,
    ...(own !== undefined && { providerFinishReason: own }),
    ...{ modelServed, usage, usageRaw, response, droppedDeltas },
    ...(outcome === 'failed' && { error: ending.error }),
  };
}

function timeOfRetry(tape: Tape, open: Attempt, { nowMs, deadlineMs, delayMs }: Retry): string | undefined {
  const isAllowed = open.deltas === 0 && calls(tape) < limits.attemptsMax && delayMs <= limits.retryAfterMsMax;
  return isAllowed && nowMs + delayMs < deadlineMs ? isoTime(nowMs + delayMs) : undefined;
}

/** The report of an attempt that called no model. */
export const ofNoCall = {
  finishReason: null,
  modelServed: null,
  usage: null,
  usageRaw: null,
  response: {},
  droppedDeltas: 0,
} as const;

const cancelled = (attempt: number): GenerationEvent => ({
  type: 'AttemptEnded',
  data: { attempt, outcome: 'cancelled', ...ofNoCall },
});

const STOPPED = 'The worker of this attempt stopped before the answer was complete.';
const TOO_LATE = 'It was claimed after its deadline, so no model was called.';

function interrupted(attempt: number, message: string, again?: string): GenerationEvent {
  const error = { kind: 'interrupted', message };
  const data = { attempt, outcome: 'failed' as const, ...ofNoCall, error };
  return { type: 'AttemptEnded', data: again === undefined ? data : { ...data, retryAt: again } };
}

const isoTime = (ms: number): string => new Date(ms).toISOString();
