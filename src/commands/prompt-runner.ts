import type { Conversation } from '../domain/conversation/conversation.js';
import type { AskedModel } from '../domain/generation.js';
import type { Metadata } from '../events/envelope.js';
import type { Job } from '../ports/work.js';
import type { OnItsWay } from './transact.js';

/** Of a generation, what every event on its tape says of its origin. */
export type Origin = Pick<Metadata, 'actor' | 'owner' | 'correlationId' | 'traceparent'>;

/** Answers prompts in this process. An offer only saves time: the work table has every prompt. */
export interface PromptRunner {
  /**
   * Offers a prompt that is being appended. True if the runner claims it: it appends the claim together with the prompt,
   * and does nothing more before both are committed.
   */
  offer(job: Job, origin: Origin, asked: AskedModel, prompted: OnItsWay<Conversation>): boolean;

  /** Looks for prompts that were declined or not offered. */
  wake(): void;
}
