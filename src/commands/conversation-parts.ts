import type { Conversation, RecordedInConversation } from '../domain/conversation/conversation.js';
import type { PriceList } from '../domain/prices.js';
import type { Meter } from '../ports/meter.js';
import type { Work } from '../ports/work.js';
import type { Folds } from './folds.js';
import type { PromptRunner } from './prompt-runner.js';
import type { Prompts } from './prompts.js';
import type { Publish, TransactionParts } from './transact.js';

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
