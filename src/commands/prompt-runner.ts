import type { Conversation } from '../domain/conversation/conversation.js';
import type { AskedModel } from '../domain/generation.js';
import type { Metadata } from '../events/envelope.js';
import type { Job } from '../ports/work.js';
import type { OnItsWay } from './transact.js';

/** Of a generation, what every event on its tape says of its origin. */
export type Origin = Pick<Metadata, 'actor' | 'owner' | 'correlationId' | 'traceparent'>;

/** Whoever answers prompts in this process. It is only told sooner of what it would find by itself. */
export interface PromptRunner {
  /**
   * A prompt that is on its way into the log. True when it is claimed here: the claim leaves together with the prompt,
   * and nothing more happens before both are committed.
   */
  offer(job: Job, origin: Origin, asked: AskedModel, prompted: OnItsWay<Conversation>): boolean;

  /** There is work that nobody was offered, or that somebody declined. */
  wake(): void;
}
