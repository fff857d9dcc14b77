import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import { LinkedAbort } from '../background/linked-abort.js';
import type { ConversationFolds } from '../commands/conversation-parts.js';
import { originOf } from '../commands/origin.js';
import { Fenced, TapeWriter, type TapeWriterParts } from '../commands/tape-writer.js';
import type { OnItsWay } from '../commands/transact.js';
import type { Conversation } from '../domain/conversation/conversation.js';
import { bodyOf } from '../domain/conversation/prompting.js';
import { type PromptAssembled, type Reply, replyOf } from '../domain/conversation/tree.js';
import { endAttempt, ofNoCall, openAttempt, retryAt, type Tape, takeUp, withdraw } from '../domain/generation.js';
import type { TypedEvent } from '../events/codec.js';
import { conversationStream } from '../events/conversation-events.js';
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

/** A committed prompt with its tape, which this run alone writes. */
interface Answering {
  readonly conversation: Conversation;
  readonly prompt: PromptAssembled;
  readonly tape: TapeWriter;
  readonly deadlineMs: number;
}

/** One for each decision that includes the prompt: whether it was committed. */
type Offers = Promise<boolean>[];

type State =
  | { readonly is: 'offered'; readonly tape: TapeWriter; readonly claim: Promise<unknown>; readonly offers: Offers }
  | { readonly is: 'withdrawing'; readonly tape: TapeWriter }
  | { readonly is: 'taken' }
  | { readonly is: 'claiming' | 'answering' | 'waiting' | 'finalizing'; readonly answer: Answering }
  | { readonly is: 'ended' }
  | { readonly is: 'left' };

/**
 * One generation that this process answers, from its claim to its end, within one life of its worker: the states of the
 * diagram in ARCHITECTURE.md.
 */
export class GenerationRun {
  private state: State = { is: 'taken' };
  private readonly leaving: LinkedAbort;
  private readonly cancelled = new AbortController();
  private readonly unlisten: () => void;
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

  /** True if the generation has ended. If not, another worker answers it, or it is retried later. */
  async answer(): Promise<boolean> {
    try {
      while (this.state.is !== 'ended' && this.state.is !== 'left') this.state = await this.next(this.state);
      return this.state.is === 'ended';
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

  /** Answers a prompt that is being appended together with its claim. Calls no model before both are committed. */
  answerOffered(
    tape: TapeWriter,
    claim: Promise<unknown>,
    { committed, ahead }: OnItsWay<Conversation>,
  ): Promise<boolean> {
    this.state = { is: 'offered', tape, claim, offers: [committed] };
    this.preparing = this.prepareOnceSent(ahead);
    // It is awaited after the prompt is committed. This handler prevents an unhandled rejection until then.
    this.preparing.catch(() => {});
    return this.answer();
  }

  /** Adds another decision with the same prompt. False if this run has withdrawn its claim. */
  offerAgain(committed: Promise<boolean>): boolean {
    if (this.state.is === 'offered') this.state.offers.push(committed);
    return this.state.is !== 'withdrawing' && this.state.is !== 'left';
  }

  private async next(state: Exclude<State, { is: 'ended' | 'left' }>): Promise<State> {
    switch (state.is) {
      case 'offered':
        await state.claim;
        // Other offers may arrive during an await.
        for (const committed of state.offers) if (await committed) return this.begin(state.tape);
        // At once: an offer that arrived now would not be awaited.
        this.state = { is: 'withdrawing', tape: state.tape };
        return this.state;
      case 'withdrawing':
        // So that a later worker does not wait for this one.
        await state.tape.write([withdraw(this.parts.clock.now())], this.life.over);
        return { is: 'left' };
      case 'taken':
        return this.take();
      case 'claiming':
        return this.enter((await this.claim(state.answer)) ? 'answering' : 'waiting', state.answer);
      case 'answering':
        await this.call(state.answer);
        return this.enter('waiting', state.answer);
      case 'waiting':
        await this.untilRetry(state.answer.tape.tape);
        return this.enter('claiming', state.answer);
      case 'finalizing':
        await this.parts.finalize(this.job, state.answer.tape.tape);
        return { is: 'ended' };
      default:
        return state satisfies never;
    }
  }

  /** A sealed tape needs its end in the ledger and nothing else. */
  private enter(is: 'claiming' | 'answering' | 'waiting', answer: Answering): State {
    if (answer.tape.tape.seal) return { is: 'finalizing', answer };
    // The table keeps the job for this worker until its life ends.
    return this.leaving.signal.aborted ? { is: 'left' } : { is, answer };
  }

  /** The offered prompt and its claim are committed. */
  private async begin(tape: TapeWriter): Promise<State> {
    // Not earlier: the table must hold no prompt that is not in the log.
    this.holding = this.parts.hold(this.job, this.life);
    const remembered = this.parts.conversations.last(this.ledger)?.state;
    const conversation = await this.conversation(remembered?.nodes.has(this.job.generation) ? remembered : undefined);
    return this.enter('answering', this.answerIn(conversation, tape));
  }

  private async take(): Promise<State> {
    const { parts, job, life } = this;
    const conversation = await this.conversation();
    const { result, prompt } = replyOf(conversation, job.generation);
    if (result || !prompt) return { is: result ? 'ended' : 'left' };
    const tape = await TapeWriter.open(parts, job, originOf(conversation, job.generation, parts.tracer));
    // An open attempt of this very worker is from a failed run, and this run ends it.
    const worker = openAttempt(tape.tape)?.worker ?? life.worker;
    if (worker === life.worker || !(await parts.work.isAlive(worker))) {
      return this.enter('claiming', this.answerIn(conversation, tape));
    }
    await parts.work.release(life.worker, job.generation, parts.leaseMs);
    return { is: 'left' };
  }

  private answerIn(conversation: Conversation, tape: TapeWriter): Answering {
    const reply = replyOf(conversation, this.job.generation) as Reply & { prompt: PromptAssembled };
    if (reply.cancelRequested) this.cancelled.abort();
    const deadlineMs = Date.parse(reply.promptedAt ?? reply.at) + this.parts.generationTimeoutMs;
    return { conversation, prompt: reply.prompt, tape, deadlineMs };
  }

  /** Prepares the call while the log flushes. */
  private async prepareOnceSent(state: Conversation): Promise<EarlyCall | undefined> {
    // The batch with the prompt leaves at the end of this turn of the event loop. Do not delay it.
    await turnOfTheLoop();
    const { prompt } = replyOf(state, this.job.generation);
    const call = prompt ? await this.prepared(state, prompt) : undefined;
    return prompt && call ? { prompt, call } : undefined;
  }

  /** The committed prompt may be that of another decision with the same ids. Then the prepared call does not fit. */
  private async takeEarly({ sha256 }: PromptAssembled): Promise<PreparedCall | undefined> {
    const early = await this.preparing;
    if (early?.prompt.sha256 !== sha256) return undefined;
    this.preparing = undefined;
    return early.call;
  }

  private async prepared(state: Conversation, prompt: PromptAssembled): Promise<PreparedCall | undefined> {
    const model = this.parts.modelOf(prompt.provider);
    const body = model && (await this.parts.conversations.whenLoaded(this.ledger, () => bodyOf(state, prompt)));
    return body === undefined ? undefined : model?.prepare({ body, bodySha256: prompt.sha256 });
  }

  /** With the reply of this job loaded. */
  private async conversation(remembered?: Conversation): Promise<Conversation> {
    const state = remembered ?? (await this.parts.conversations.current(this.ledger)).state;
    await this.parts.conversations.whenLoaded(this.ledger, () => replyOf(state, this.job.generation));
    return state;
  }

  private get ledger(): string {
    return conversationStream(this.job.conversation);
  }

  /** True if the model has to be called. */
  private async claim({ prompt: asked, tape, deadlineMs }: Answering): Promise<boolean> {
    const { worker, over } = this.life;
    const cancelRequested = this.cancelled.signal.aborted;
    const nowMs = this.parts.clock.now();
    const events = await tape.write([takeUp({ asked, worker, nowMs, deadlineMs, cancelRequested })], over);
    return events.at(-1)?.type === 'GenerationClaimed';
  }

  private async call({ conversation, prompt, tape, deadlineMs }: Answering): Promise<void> {
    const { clock, bounds, warn, tracer } = this.parts;
    const attempt = openAttempt(tape.tape)?.number ?? 0;
    const call = (await this.takeEarly(prompt)) ?? (await this.prepared(conversation, prompt));
    if (!call) {
      await tape.write([endAttempt(attempt, notConfigured)], this.life.over);
      return;
    }
    const asked = replyOf(conversation, this.job.generation);
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
