import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import { LinkedAbort } from '../background/linked-abort.js';
import type { ConversationFolds } from '../commands/conversation-parts.js';
import { originOf } from '../commands/origin.js';
import { Fenced, TapeWriter, type TapeWriterParts } from '../commands/tape-writer.js';
import type { OnItsWay } from '../commands/transact.js';
import type { Conversation } from '../domain/conversation/conversation.js';
import type { PromptAssembled, Reply } from '../domain/conversation/nodes.js';
import { bodyOf } from '../domain/conversation/prompting.js';
import { replyOf } from '../domain/conversation/tree.js';
import {
  type AskedModel,
  type Attempt,
  endAttempt,
  ofNoCall,
  openAttempt,
  retryAt,
  type Tape,
  takeUp,
  withdraw,
} from '../domain/generation.js';
import { conversationStream } from '../domain/streams.js';
import type { TypedEvent } from '../events/codec.js';
import type { LanguageModel, PreparedCall } from '../ports/language-model.js';
import type { Job, Work } from '../ports/work.js';
import { type AttemptLimits, ModelAttempt } from './model-attempt.js';
import type { Slots } from './slots.js';
import type { Life } from './worker-lives.js';

export interface RunParts extends TapeWriterParts {
  readonly conversations: ConversationFolds;
  /** Undefined if this process has no such provider. */
  readonly modelOf: (provider: string) => LanguageModel | undefined;
  readonly finalize: (job: Job, tape: Tape) => Promise<void>;
  /** Listens to the events of a conversation. Returns a function that stops. */
  readonly listen: (conversation: string, listener: (event: TypedEvent) => void) => () => void;
  readonly slots: Slots;
  readonly bounds: Omit<AttemptLimits, 'deadlineMs'>;
  readonly generationTimeoutMs: number;
  readonly leaseMs: number;
  readonly work: Pick<Work, 'release' | 'isAlive'>;
  /** Records in the work table that this worker answers. Never rejects: if it fails, the next renewal records it. */
  readonly hold: (job: Job, life: Life) => Promise<void>;
  /** Logs a line for operators: ids, never texts of users. */
  readonly warn: (facts: object, message: string) => void;
}

/** A call that was prepared before its prompt was committed. */
interface EarlyCall {
  readonly prompt: PromptAssembled;
  readonly call: PreparedCall;
}

/**
 * One generation that this process answers, from its claim to its end, within one life of its worker. `answerOffered` and
 * `answerTaken` resolve to true if the generation has ended. If not, another worker answers it, or it is retried later.
 */
export class GenerationRun {
  private readonly leaving: LinkedAbort;
  private readonly cancelled = new AbortController();
  private readonly unlisten: () => void;
  /** One for each decision that includes the prompt: whether it was committed. */
  private readonly offers: Promise<boolean>[] = [];
  /** None of the offered decisions was committed, so the claim is withdrawn. */
  private isWithdrawing = false;
  /** Resolves when the work table has recorded this worker. The first token does not wait for it. */
  private holding: Promise<void> = Promise.resolve();
  /** The prepared call for the first attempt of an offered prompt. */
  private preparing: Promise<EarlyCall | undefined> | undefined;

  /** The caller has taken a slot; the run gives it back. */
  constructor(
    private readonly parts: RunParts,
    readonly job: Job,
    readonly life: Life,
  ) {
    // Nothing is written after the life: another worker may have claimed the generation.
    this.leaving = new LinkedAbort([life.over]);
    // Listen before reading the state, so that no cancel is missed in between.
    this.unlisten = parts.listen(job.conversation, (event) => {
      const isMine = event.type === 'GenerationCancelRequested' && event.data.generationId === job.generation;
      if (isMine) this.cancelled.abort();
    });
  }

  /** Commits the text so far and stops, so that another process finishes the generation. */
  handOver(): void {
    this.leaving.abort();
  }

  /** Answers a prompt that is being appended together with its claim. Calls no model before both are committed. */
  async answerOffered(
    tape: TapeWriter,
    claim: Promise<unknown>,
    { committed, ahead }: OnItsWay<Conversation>,
  ): Promise<boolean> {
    this.offerAgain(committed);
    this.preparing = this.prepareOnceSent(ahead);
    // It is awaited after the prompt is committed. This handler prevents an unhandled rejection until then.
    this.preparing.catch(() => {});
    return this.whileListening(async () => {
      const [isCommitted] = await Promise.all([this.isCommitted(), claim]);
      if (!isCommitted) {
        // Withdraw the claim, so that a later worker does not wait for this one.
        await tape.write([withdraw(this.parts.clock.now())], this.life.over);
        return false;
      }
      // Not earlier: the table must hold no prompt that is not in the log.
      this.holding = this.parts.hold(this.job, this.life);
      const remembered = this.parts.conversations.last(conversationStream(this.job.conversation))?.state;
      const state = remembered?.nodes.has(this.job.generation) ? remembered : await this.state();
      return this.work(state, tape, true);
    });
  }

  /** Answers a job from the work table. */
  async answerTaken(): Promise<boolean> {
    return this.whileListening(async () => {
      const state = await this.state();
      const reply = replyOf(state, this.job.generation);
      if (reply.result || !reply.prompt) return reply.result !== null;
      const tape = await TapeWriter.open(this.parts, this.job, originOf(state, this.job.generation, this.parts.tracer));
      return !(await this.isAnotherAt(openAttempt(tape.tape))) && this.work(state, tape, false);
    });
  }

  /** Adds another decision with the same prompt. False if this run has withdrawn its claim. */
  offerAgain(committed: Promise<boolean>): boolean {
    this.offers.push(committed);
    return !this.isWithdrawing;
  }

  /** True if another living worker has the open attempt. One of this worker is from a failed run, and this run ends it. */
  private async isAnotherAt(open: Attempt | undefined): Promise<boolean> {
    const { work, leaseMs } = this.parts;
    if (!open || open.worker === this.life.worker || !(await work.isAlive(open.worker))) return false;
    await work.release(this.life.worker, this.job.generation, leaseMs);
    return true;
  }

  private async isCommitted(): Promise<boolean> {
    // Other offers may arrive during an await.
    for (const committed of this.offers) if (await committed) return true;
    this.isWithdrawing = true;
    return false;
  }

  private async whileListening(act: () => Promise<boolean>): Promise<boolean> {
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof Fenced)) throw error;
      // Another worker has claimed it. Wait for `hold`, so that it does not record this worker after the release.
      await this.holding;
      await this.parts.work.release(this.life.worker, this.job.generation, 0);
      return false;
    } finally {
      this.unlisten();
      this.leaving.release();
      this.parts.slots.give();
      await this.preparing?.then(
        (early) => early?.call.discard(),
        () => {},
      );
    }
  }

  /** Prepares the call while the log flushes. */
  private async prepareOnceSent(ahead: () => Conversation): Promise<EarlyCall | undefined> {
    // The batch with the prompt leaves at the end of this turn of the event loop. Do not delay it.
    await turnOfTheLoop();
    const state = ahead();
    const { prompt } = replyOf(state, this.job.generation);
    const call = prompt ? this.prepared(state, prompt) : undefined;
    return prompt && call ? { prompt, call } : undefined;
  }

  /** The committed prompt may be that of another decision with the same ids. Then the prepared call does not fit. */
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

  /** `isClaimed`: this run has claimed it and made no call. Any other open attempt belongs to a dead worker. */
  private async work(state: Conversation, tape: TapeWriter, isClaimed: boolean): Promise<boolean> {
    const reply = replyOf(state, this.job.generation) as Reply & { prompt: PromptAssembled };
    if (reply.cancelRequested) this.cancelled.abort();
    const deadlineMs = Date.parse(reply.promptedAt ?? reply.at) + this.parts.generationTimeoutMs;
    let isMine = isClaimed;
    while (!tape.tape.seal) {
      // The table keeps the job for this worker until its life ends.
      if (this.leaving.signal.aborted) return false;
      if (!isMine) isMine = await this.claim(tape, reply.prompt, deadlineMs);
      if (isMine) await this.call(state, reply.prompt, tape, deadlineMs);
      else await this.untilRetry(tape.tape);
      isMine = false;
    }
    await this.parts.finalize(this.job, tape.tape);
    return true;
  }

  /** True if the model has to be called. */
  private async claim(tape: TapeWriter, asked: AskedModel, deadlineMs: number): Promise<boolean> {
    const { worker, over } = this.life;
    const cancelRequested = this.cancelled.signal.aborted;
    const nowMs = this.parts.clock.now();
    const events = await tape.write([takeUp({ asked, worker, nowMs, deadlineMs, cancelRequested })], over);
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
      await tape.write([endAttempt(attempt, notConfigured)], this.life.over);
      return;
    }
    const asked = replyOf(state, this.job.generation);
    const span = tracer?.attemptBegun({ ...this.job, asked, number: attempt, prompt });
    const calling = new ModelAttempt(call, clock, { ...bounds, deadlineMs }, tape, attempt);
    const cancel = () => calling.cancel();
    const leave = () => calling.leave();
    this.cancelled.signal.addEventListener('abort', cancel, { once: true });
    this.leaving.signal.addEventListener('abort', leave, { once: true });
    // Either may have been aborted before the listeners were added.
    if (this.cancelled.signal.aborted) cancel();
    if (this.leaving.signal.aborted) leave();
    try {
      await calling.run(this.life.over);
      if (calling.surprise !== undefined)
        warn(
          { traceId: asked.correlationId, ...this.job, err: calling.surprise },
          'a call to a model failed with an unexpected error',
        );
    } finally {
      span?.end(tape.tape.attempts.at(-1));
      this.cancelled.signal.removeEventListener('abort', cancel);
      this.leaving.signal.removeEventListener('abort', leave);
    }
  }

  /** Waits without a slot, so that other generations can use it. */
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
  error: { kind: 'provider_not_configured', message: 'The provider of this prompt is no longer configured.' },
  retry: null,
  ...ofNoCall,
} as const;
