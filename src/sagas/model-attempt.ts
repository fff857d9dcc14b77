import { Fenced, type TapeWriter } from '../commands/tape-writer.js';
import { type AttemptEnded, type Ending, endAttempt, type Received, receive } from '../domain/generation.js';
import { limits } from '../limits.js';
import type { Clock } from '../ports/clock.js';
import {
  jsonWithin,
  ModelFailure,
  type ModelOutput,
  type PreparedCall,
  type ResponseNames,
  type ToolStart,
} from '../ports/language-model.js';
import { AnswerCaps, BlockNumbers, JoinedText, type JoinWindow } from './answer-pieces.js';

export interface AttemptLimits {
  readonly window: JoinWindow;
  readonly firstTokenTimeoutMs: number;
  readonly idleTimeoutMs: number;
  /** The time by which the whole answer has to be complete. */
  readonly deadlineMs: number;
}

/** The reason why this process ended a call. */
type Stop =
  | { readonly is: 'cancelled' }
  /** The attempt stays open for another worker. */
  | { readonly is: 'left' }
  | { readonly is: 'failed'; readonly kind: 'timeout' | 'too_long'; readonly message: string };

type Finished = Extract<ModelOutput, { type: 'finished' }>;

/** An ending without the provider's ids of the answer. */
type Unnamed<E> = E extends unknown ? Omit<E, 'response'> : never;

const UNKNOWN = { modelServed: null, usage: null, usageRaw: null } as const;

/**
 * One call to a model, and its deltas and end on the tape. It reads the stream while it commits: a slow commit must not
 * stop it from reading the socket.
 */
export class ModelAttempt {
  private readonly caps = new AnswerCaps();
  private readonly blocks = new BlockNumbers();
  private readonly text: JoinedText;
  private readonly over = new AbortController();
  private stop: Stop | undefined;
  private readingIsOver = false;
  private startedMs = 0;
  private lastTextMs: number | undefined;
  private dropped = 0;
  /** An error that no adapter should throw. The attempt ends as failed, and the caller logs this error. */
  surprise: unknown;

  constructor(
    private readonly call: PreparedCall,
    private readonly clock: Clock,
    private readonly bounds: AttemptLimits,
    private readonly tape: TapeWriter,
    private readonly number: number,
  ) {
    this.text = new JoinedText(bounds.window);
  }

  /** Ends the call, unless the stream has ended. */
  cancel(): void {
    this.end({ is: 'cancelled' });
  }

  /** Commits the text so far and leaves the attempt open for another worker. */
  leave(): void {
    this.end({ is: 'left' });
  }

  /** Makes the call, commits its deltas, and ends the attempt unless `leave` was called. Throws Fenced. */
  async run(lost: AbortSignal): Promise<void> {
    this.startedMs = this.clock.now();
    const watching = this.watch();
    const reading = this.read();
    try {
      const rest = await this.commitUntilTheEnd(lost);
      const outcome = await reading;
      const ending = this.endingOf(outcome);
      // An attempt that is left without text will be repeated, so its other deltas are dropped.
      const kept = ending || this.lastTextMs !== undefined ? rest : [];
      const decisions = kept.map((piece) => receive(this.number, piece));
      await this.tape.write(ending ? [...decisions, endAttempt(this.number, ending)] : decisions, lost);
    } finally {
      this.end({ is: 'left' });
      await reading;
      await watching;
    }
  }

  private end(stop: Stop): void {
    if (!this.readingIsOver) this.stop ??= stop;
    this.over.abort();
  }

  /** Returns the last pieces, which are committed together with the end. */
  private async commitUntilTheEnd(lost: AbortSignal): Promise<readonly Received[]> {
    for (;;) {
      const { pieces, isLast } = await this.text.next();
      if (lost.aborted) throw new Fenced('the work was lost to another worker');
      if (isLast) return pieces;
      await this.tape.write(
        pieces.map((piece) => receive(this.number, piece)),
        lost,
      );
    }
  }

  /** Never rejects. Resolves to undefined if this process ended the call. */
  private async read(): Promise<Finished | ModelFailure | undefined> {
    try {
      for await (const outputs of this.call.stream(this.over.signal, this.bounds.window.flushes)) {
        for (const output of outputs) {
          if (this.stop) this.dropped += output.type === 'text' ? 1 : 0;
          else if (output.type === 'finished') return output;
          else this.receive(output);
        }
      }
      return undefined;
    } catch (error) {
      if (error instanceof ModelFailure) return error;
      this.surprise = error;
      return new ModelFailure('provider_error', UNEXPECTED, { retryable: false });
    } finally {
      this.readingIsOver = true;
      this.text.end();
    }
  }

  private receive({ channel, text, tool, call }: Extract<ModelOutput, { type: 'text' }>): void {
    if (text === '' && !tool) return;
    if (channel !== 'other') this.lastTextMs = this.clock.now();
    if (channel !== 'content' && channel !== 'reasoning') {
      const start = tool && boundedStart(tool);
      if (!this.caps.hasRoomFor({ text, ...(start && { tool: start }) })) this.dropped += 1;
      else this.text.add({ block: this.blocks.of(channel, call), channel, text, ...(start && { tool: start }) });
      return;
    }
    const fitting = this.caps.fitting(channel, text);
    this.text.add({ block: this.blocks.of(channel), channel, text: fitting });
    if (fitting.length < text.length) {
      this.end({
        is: 'failed',
        kind: 'too_long',
        message: 'The answer was cut off because it exceeds the size limit.',
      });
    }
  }

  /** Sleeps until the next limit, so that pieces set no timers. */
  private async watch(): Promise<void> {
    while (!this.over.signal.aborted) {
      const { atMs, message } = this.nextLimit();
      const leftMs = atMs - this.clock.now();
      if (leftMs <= 0) return this.end({ is: 'failed', kind: 'timeout', message });
      // The first text may bring an earlier limit.
      await this.clock.sleep(Math.min(leftMs, this.bounds.idleTimeoutMs), this.over.signal);
    }
  }

  private nextLimit(): { readonly atMs: number; readonly message: string } {
    const { firstTokenTimeoutMs, idleTimeoutMs, deadlineMs } = this.bounds;
    const silence =
      this.lastTextMs === undefined
        ? { atMs: this.startedMs + firstTokenTimeoutMs, message: `No text came within ${firstTokenTimeoutMs} ms.` }
        : { atMs: this.lastTextMs + idleTimeoutMs, message: `No more text came within ${idleTimeoutMs} ms.` };
    return silence.atMs <= deadlineMs
      ? silence
      : { atMs: deadlineMs, message: 'The answer was not complete before its deadline.' };
  }

  private endingOf(outcome: Finished | ModelFailure | undefined): Ending | undefined {
    const ending = this.endOf(outcome);
    return ending && { ...ending, response: boundedNames(this.call.response) };
  }

  private endOf(outcome: Finished | ModelFailure | undefined): Unnamed<Ending> | undefined {
    const droppedDeltas = this.dropped;
    const { stop } = this;
    if (stop?.is === 'left') return undefined;
    if (stop?.is === 'cancelled') return { outcome: 'cancelled', ...UNKNOWN, droppedDeltas };
    if (stop?.is === 'failed') {
      const { kind, message } = stop;
      return { outcome: 'failed', ...UNKNOWN, droppedDeltas, error: { kind, message }, retry: null };
    }
    if (outcome instanceof ModelFailure) return this.failedWith(outcome);
    if (!outcome) return this.failedWith(new ModelFailure('incomplete', ENDLESS, { retryable: false }));
    const { providerFinishReason: own } = outcome;
    const finishReason = boundedName(outcome.finishReason);
    const named = { finishReason, ...(own !== undefined && { providerFinishReason: boundedName(own) }) };
    return { outcome: 'completed', ...named, ...reported(outcome), droppedDeltas };
  }

  private failedWith({ kind, message, details }: ModelFailure): Unnamed<Ending> {
    const { providerStatus, retryable, retryAfterMs } = details;
    const error = { kind, message: boundedWords(message), ...(providerStatus !== undefined && { providerStatus }) };
    const delayMs = retryAfterMs ?? limits.retryPauseMs * 2 ** (this.number - 1);
    const retry = retryable ? { nowMs: this.clock.now(), deadlineMs: this.bounds.deadlineMs, delayMs } : null;
    return { outcome: 'failed', ...reported(details), droppedDeltas: this.dropped, error, retry };
  }
}

/** The provider's report about its answer, cut to the limits of the event. */
function reported({
  modelServed = null,
  usage = null,
  usageRaw = null,
}: Partial<Omit<ModelFailure['details'], 'retryable'>>) {
  return { modelServed: boundedName(modelServed), usage, usageRaw: boundedUsage(usageRaw) };
}

const UNEXPECTED = 'The call to the model failed with an unexpected error.';
const ENDLESS = 'The stream ended without a finish reason.';

type UsageRaw = NonNullable<AttemptEnded['usageRaw']>;

/** Cuts a name from a provider to the limit of the event, because a long name must not fail an attempt. */
export function boundedName<T extends string | null>(name: T): T {
  return (name === null ? name : firstCharacters(name, limits.nameCharactersMax)) as T;
}

/** Cuts the provider's ids of the answer. */
function boundedNames({ id, requestId }: ResponseNames): ResponseNames {
  return {
    ...(id !== undefined && { id: boundedName(id) }),
    ...(requestId !== undefined && { requestId: boundedName(requestId) }),
  };
}

function boundedStart({ id, name, type }: ToolStart): ToolStart {
  return {
    ...(id !== undefined && { id: boundedName(id) }),
    ...(name !== undefined && { name: boundedName(name) }),
    ...(type !== undefined && { type: boundedName(type) }),
  };
}

export const boundedWords = (words: string): string => firstCharacters(words, limits.providerWordsCharactersMax);

/** The reported usage. If it is too large, only its counts. */
export function boundedUsage(usage: UsageRaw | null): UsageRaw | null {
  if (usage === null || jsonWithin(usage, limits.usageBytesMax) !== undefined) return usage;
  return countsIn(usage, limits.usageBytesMax);
}

/** The numbers, and objects of numbers, that fit, in their order. */
function countsIn(usage: UsageRaw, bytesMax: number): UsageRaw {
  const counts: Record<string, unknown> = {};
  let left = bytesMax - 2;
  for (const [name, value] of Object.entries(usage)) {
    const isCount = typeof value === 'number' || isObjectOfCounts(value);
    const json = isCount && name.length < left ? jsonWithin({ [name]: value }, left) : undefined;
    if (json === undefined) continue;
    left -= Buffer.byteLength(json);
    counts[name] = value;
  }
  return counts;
}

function isObjectOfCounts(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  for (const name in value) if (typeof (value as Record<string, unknown>)[name] !== 'number') return false;
  return true;
}

function firstCharacters(text: string, charactersMax: number): string {
  const cut = text.slice(0, charactersMax);
  return cut.length < text.length ? cut.replace(/[\uD800-\uDBFF]$/, '') : cut;
}
