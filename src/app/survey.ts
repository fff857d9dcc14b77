import type { OnApplicationShutdown } from '@nestjs/common';
import type { Check } from '../http/readiness.js';
import { limits } from '../limits.js';
import type { Clock } from '../ports/clock.js';
import { RetryableError } from '../ports/errors.js';

/** The latest answer of a survey, at most about three seconds old; a failure; or that the answer is overdue. */
export type Latest<T> =
  | { readonly is: 'known'; readonly value: T }
  | { readonly is: 'failed'; readonly error: unknown }
  | { readonly is: 'late' };

export interface SurveyParts {
  readonly clock: Clock;
  /** For operators: names and reasons, never a person's text. */
  readonly warn: (facts: object, message: string) => void;
}

/**
 * Asks one question in the background, a second after each answer. Any number of readers takes the latest answer without
 * asking, so no reader waits, and more readers cause no more work. The next question waits for the answer to the last.
 */
export class Survey<T> {
  private answer: Latest<T> = { is: 'late' };
  private askedAt: number | undefined;
  private reported: string | undefined;

  constructor(
    readonly name: string,
    private readonly ask: () => Promise<T>,
    private readonly parts: SurveyParts,
  ) {}

  get latest(): Latest<T> {
    const isLate = this.askedAt !== undefined && performance.now() - this.askedAt > limits.surveyAnswerMs;
    return isLate ? { is: 'late' } : this.answer;
  }

  /** The latest answer; nothing when it failed or is late. */
  get known(): T | undefined {
    const { latest } = this;
    return latest.is === 'known' ? latest.value : undefined;
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.once();
      await this.parts.clock.sleep(limits.surveyPauseMs, signal);
    }
  }

  private async once(): Promise<void> {
    this.askedAt = performance.now();
    try {
      this.answer = { is: 'known', value: await this.ask() };
      this.reported = undefined;
    } catch (error) {
      this.answer = { is: 'failed', error };
      this.report(error);
    } finally {
      this.askedAt = undefined;
    }
  }

  /** Readiness reports outages. Any other error is a defect: it is logged once until the next answer. */
  private report(error: unknown): void {
    const kind = error instanceof Error ? error.constructor.name : typeof error;
    if (error instanceof RetryableError || this.reported === kind) return;
    this.reported = kind;
    this.parts.warn({ survey: this.name, err: error }, 'a background check failed and will be retried');
  }
}

/** A readiness check: the store of the survey answers. */
export const answering =
  (survey: Survey<unknown>): Check =>
  () => ({ is: survey.latest.is === 'known' ? 'ok' : 'unavailable' });

/** The surveys of a process. */
export class Surveys implements OnApplicationShutdown {
  private readonly all: Survey<unknown>[] = [];
  private readonly stopping = new AbortController();

  constructor(private readonly parts: SurveyParts) {}

  of<T>(name: string, ask: () => Promise<T>): Survey<T> {
    const survey = new Survey(name, ask, this.parts);
    this.all.push(survey);
    return survey;
  }

  /** Returns when each survey has its first answer or is late. */
  async start(): Promise<void> {
    const { signal } = this.stopping;
    for (const survey of this.all) void survey.run(signal);
    const lateAt = performance.now() + limits.surveyAnswerMs;
    const isOpen = () => this.all.some(({ latest }) => latest.is === 'late') && performance.now() <= lateAt;
    while (isOpen() && !signal.aborted) await this.parts.clock.sleep(limits.surveyLookMs, signal);
  }

  /** No question follows. The answer to one that is under way is dropped. */
  onApplicationShutdown(): void {
    this.stopping.abort();
  }
}
