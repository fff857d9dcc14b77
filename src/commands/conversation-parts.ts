import type { Conversation, RecordedInConversation } from '../domain/conversation/conversation.js';
import type { AskedModel } from '../domain/generation.js';
import type { PriceList } from '../domain/prices.js';
import type { Meter } from '../ports/meter.js';
import type { Job, Work } from '../ports/work.js';
import type { Folds } from './folds.js';
import type { Origin } from './origin.js';
import type { Prompts } from './prompts.js';
import type { OnItsWay, Publish, TransactionParts } from './transact.js';

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

export type ConversationFolds = Folds<Conversation, RecordedInConversation>;

/** The dependencies of commands on conversations. */
export interface ConversationParts extends TransactionParts {
  readonly conversations: ConversationFolds;
  readonly prompts: Prompts;
  readonly prices: PriceList;
  readonly runner: PromptRunner;
  readonly work: Pick<Work, 'record'>;
  readonly meter: Meter;
  readonly publish: Publish;
  /** Logs a line for operators: ids and counts, never texts of users. */
  readonly warn: (facts: object, message: string) => void;
}
