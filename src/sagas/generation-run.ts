import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import { LinkedAbort } from '../background/linked-abort.js';
import type { ConversationFolds } from '../commands/conversation-parts.js';
import { originOf } from '../commands/origin.js';
import { Fenced, TapeWriter, type TapeWriterParts } from '../commands/tape-writer.js';
import type { OnItsWay } from '../commands/transact.js';
import { type Conversation, conversationStream } from '../domain/conversation/conversation.js';
import type { PromptAssembled, Reply } from '../domain/conversation/nodes.js';
import { bodyOf } from '../domain/conversation/prompting.js';
import { replyOf } from '../domain/conversation/tree.js';
import {
  type AskedModel,
  endAttempt,
  openAttempt,
  retryAt,
  type Tape,
  takeUp,
  withdraw,
} from '../domain/generation.js';
import type { TypedEvent } from '../events/codec.js';
import type { LanguageModel, PreparedCall } from '../ports/language-model.js';
import type { Job } from '../ports/work.js';
import { type AttemptLimits, ModelAttempt } from './model-attempt.js';
import type { Slots } from './slots.js';

export interface RunParts extends TapeWriterParts {
  readonly conversations: ConversationFolds;
  /** By the name of the provider; nothing when it is not configured here. */
  readonly modelOf: (provider: string) => LanguageModel | undefined;
  readonly finalize: (job: Job, tape: Tape) => Promise<void>;
  /** Hears of what is committed in a conversation; answers with how to stop listening. */
  readonly listen: (conversation: string, listener: (event: TypedEvent) => void) => () => void;
  readonly slots: Slots;
  readonly bounds: Omit<AttemptLimits, 'deadlineMs'>;
  readonly generationTimeoutMs: number;
  readonly leaseMs: number;
  /** This process, as it signs its claims. */
  readonly worker: string;
  /** For operators: ids, never a person's text. */
  readonly warn: (facts: object, message: string) => void;
}

/** How a run ended: nothing is left to do, another worker has claimed the generation, or it must be taken again after a pause. */
export type RunEnd =
  | { readonly is: 'done' }
  | { readonly is: 'fenced' }
  | { readonly is: 'left'; readonly pauseMs: number };

/** How a job came out of the work table. */
export interface Taking {
  /** By somebody before, whose time has run out. */
  readonly wasHeld: boolean;
  readonly takenMs: number;
}

/** A call that was made ready for a prompt that was not committed yet. */
interface Early {
  readonly prompt: PromptAssembled;
  readonly call: PreparedCall;
}

const DONE: RunEnd = { is: 'done' };

/** One generation in the hands of this process, from its claim to its end. */
export class GenerationRun {
  private readonly lost = new AbortController();
  private readonly leaving = new AbortController();
  private readonly cancelled = new AbortController();
  private readonly unlisten: () => void;
  /** Whether the prompt is committed, by each who brought it. */
  private readonly offers: Promise<boolean>[] = [];
  private isGivenUp = false;
  /** For the first attempt of a prompt that was offered. */
  private preparing: Promise<Early | undefined> | undefined;

  /** It holds a slot, and gives it back. */
  constructor(
    private readonly parts: RunParts,
    readonly job: Job,
  ) {
    // Before the state is read: a cancel must fall into the one or the other.
    this.unlisten = parts.listen(job.conversation, (event) => {
      const isMine = event.type === 'GenerationCancelRequested' && event.data.generationId === job.generation;
      if (isMine) this.cancelled.abort();
    });
  }

  /** Another process may be at it by now: nothing more is written. */
  lose(): void {
    this.lost.abort();
    this.leaving.abort();
  }

  /** To be finished elsewhere: what has come is committed, and nothing else is begun. */
  handOver(): void {
    this.leaving.abort();
  }

  /** A prompt that is on its way, claimed beside it. Nothing is called before both are committed. */
  async answerOffered(
    tape: TapeWriter,
    claim: Promise<unknown>,
    { committed, ahead }: OnItsWay<Conversation>,
  ): Promise<RunEnd> {
    this.offerAgain(committed);
    this.preparing = this.prepareOnceSent(ahead);
    // It is awaited once the prompt is committed, where its failure is this run's. Until then the rejection needs an owner.
    this.preparing.catch(() => {});
    return this.whileListening(async () => {
      const [isCommitted] = await Promise.all([this.isCommitted(), claim]);
      if (!isCommitted) {
        // Somebody may be asked for this generation later, and must not wait for a worker that never was at it.
        await tape.write([withdraw(this.parts.clock.now())], this.lost.signal);
        return DONE;
      }
      const remembered = this.parts.conversations.last(conversationStream(this.job.conversation))?.state;
      const state = remembered?.nodes.has(this.job.generation) ? remembered : await this.state();
      return this.work(state, tape, true);
    });
  }

  /** A job that was taken out of the work table. */
  async answerTaken(taking: Taking): Promise<RunEnd> {
    return this.whileListening(async () => {
      const state = await this.state();
      const reply = replyOf(state, this.job.generation);
      if (reply.result || !reply.prompt) return DONE;
      const tape = await TapeWriter.open(this.parts, this.job, originOf(state, this.job.generation, this.parts.tracer));
      const pauseMs = this.msOfLiveClaim(tape.tape, taking);
      return pauseMs > 0 ? { is: 'left', pauseMs } : this.work(state, tape, false);
    });
  }

  /** The same prompt once more. False when this run has given it up already. */
  offerAgain(committed: Promise<boolean>): boolean {
    this.offers.push(committed);
    return !this.isGivenUp;
  }

  private async isCommitted(): Promise<boolean> {
    // More may come while one is awaited.
    for (const committed of this.offers) if (await committed) return true;
    this.isGivenUp = true;
    return false;
  }

  private async whileListening(act: () => Promise<RunEnd>): Promise<RunEnd> {
    try {
      return await act();
    } catch (error) {
      if (error instanceof Fenced) return { is: 'fenced' };
      throw error;
    } finally {
      this.unlisten();
      this.parts.slots.give();
      await this.preparing?.then(
        (early) => early?.call.discard(),
        () => {},
      );
    }
  }

  /** While the log flushes, the call is made ready. */
  private async prepareOnceSent(ahead: () => Conversation): Promise<Early | undefined> {
    // The batch with the prompt leaves at the end of this turn of the loop, and must not wait for this.
    await turnOfTheLoop();
    const state = ahead();
    const { prompt } = replyOf(state, this.job.generation);
    const call = prompt ? this.prepared(state, prompt) : undefined;
    return prompt && call ? { prompt, call } : undefined;
  }

  /** Another decision with the same ids may be the one that was committed, and its prompt another one. */
  private async takeEarly({ sha256 }: PromptAssembled): Promise<PreparedCall | undefined> {
    const early = await this.preparing;
    if (early?.prompt.sha256 !== sha256) return undefined;
    this.preparing = undefined;
    return early.call;
  }

  private prepared(state: Conversation, prompt: PromptAssembled): PreparedCall | undefined {
    return this.parts.modelOf(prompt.provider)?.prepare({ body: bodyOf(state, prompt), bodySha256: prompt.sha256 });
  }

  private async state(): Promise<Conversation> {
    return (await this.parts.conversations.current(conversationStream(this.job.conversation))).state;
  }

  /**
   * A claim is good for one lease from its own time on, whether or not its worker has come to say so in the work table.
   * Only the claim of one who held it there, and whose time ran out, is over: that is an older one than the taking. One
   * that was made since is alive, and it is this process that has slept.
   */
  private msOfLiveClaim(tape: Tape, { wasHeld, takenMs }: Taking): number {
    const { worker, leaseMs, clock } = this.parts;
    const open = openAttempt(tape);
    if (!open || open.worker === worker) return 0;
    const claimedMs = Date.parse(open.claimedAt);
    return wasHeld && claimedMs < takenMs ? 0 : claimedMs + leaseMs - clock.now();
  }

  /** `isClaimed`: by this run, and nothing was done with it yet. Any other open attempt is a dead worker's. */
  private async work(state: Conversation, tape: TapeWriter, isClaimed: boolean): Promise<RunEnd> {
    const reply = replyOf(state, this.job.generation) as Reply & { prompt: PromptAssembled };
    if (reply.cancelRequested) this.cancelled.abort();
    const deadlineMs = Date.parse(reply.promptedAt ?? reply.at) + this.parts.generationTimeoutMs;
    let isMine = isClaimed;
    while (!tape.tape.seal) {
      if (this.leaving.signal.aborted) return { is: 'left', pauseMs: 0 };
      if (!isMine) isMine = await this.claim(tape, reply.prompt, deadlineMs);
      if (isMine) await this.call(state, reply.prompt, tape, deadlineMs);
      else await this.untilRetry(tape.tape);
      isMine = false;
    }
    await this.parts.finalize(this.job, tape.tape);
    return DONE;
  }

  /** True when a model is to be called. */
  private async claim(tape: TapeWriter, asked: AskedModel, deadlineMs: number): Promise<boolean> {
    const { worker, clock } = this.parts;
    const cancelRequested = this.cancelled.signal.aborted;
    const events = await tape.write(
      [takeUp({ asked, worker, nowMs: clock.now(), deadlineMs, cancelRequested })],
      this.lost.signal,
    );
    return events.at(-1)?.type === 'GenerationClaimed';
  }

  private async call(
    state: Conversation,
    prompt: PromptAssembled,
    tape: TapeWriter,
    deadlineMs: number,
  ): Promise<void> {
    const { clock, bounds, warn, tracer } = this.parts;
    const attempt = openAttempt(tape.tape)?.number ?? 0;
    const call = (await this.takeEarly(prompt)) ?? this.prepared(state, prompt);
    if (!call) {
      await tape.write([endAttempt(attempt, notConfigured)], this.lost.signal);
      return;
    }
    const asked = replyOf(state, this.job.generation);
    const span = tracer?.attemptBegun({ ...this.job, asked, number: attempt, prompt });
    const calling = new ModelAttempt(call, clock, { ...bounds, deadlineMs }, tape, attempt);
    const cancel = () => calling.cancel();
    const leave = () => calling.leave();
    this.cancelled.signal.addEventListener('abort', cancel, { once: true });
    this.leaving.signal.addEventListener('abort', leave, { once: true });
    // Either may have come before there was anything to tell of it.
    if (this.cancelled.signal.aborted) cancel();
    if (this.leaving.signal.aborted) leave();
    try {
      await calling.run(this.lost.signal);
      if (calling.surprise !== undefined)
        warn({ traceId: asked.correlationId, ...this.job, err: calling.surprise }, 'a call to a model broke');
    } finally {
      span?.end(tape.tape.attempts.at(-1));
      this.cancelled.signal.removeEventListener('abort', cancel);
      this.leaving.signal.removeEventListener('abort', leave);
    }
  }

  /** Others may use the slot meanwhile. */
  private async untilRetry(tape: Tape): Promise<void> {
    const { slots, clock } = this.parts;
    const due = retryAt(tape);
    if (due === undefined) return;
    slots.give();
    const early = new LinkedAbort([this.cancelled.signal, this.leaving.signal]);
    await clock.sleep(Date.parse(due) - clock.now(), early.signal);
    early.release();
    await slots.take();
  }
}

const notConfigured = {
  outcome: 'failed',
  error: { kind: 'provider_not_configured', message: 'The provider of this prompt is not configured here any more.' },
  retry: null,
  modelServed: null,
  usage: null,
  usageRaw: null,
  response: {},
  droppedDeltas: 0,
} as const;
