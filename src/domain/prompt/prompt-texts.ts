import type { ConversationEvent } from '../../events/conversation-events.js';
import type { TextSource } from '../../formats/body-format.js';

/** A node of the path from the root to a message. Notes are on no path. */
export interface PathEntry {
  readonly id: string;
  readonly role: 'user' | 'assistant';
  readonly text: string;
  /** The status of a reply. Absent for a message. */
  readonly status?: Extract<ConversationEvent, { type: 'GenerationFinalized' }>['data']['status'];
  /** No prompt of this release can contain it. */
  readonly isNewer?: true;
}

/**
 * The part of an array's interface with which a prompt reads a path, oldest first. The path of a long conversation is walked
 * from its end, only as far as it is read.
 */
export type Path = Pick<readonly PathEntry[], 'length' | 'at' | 'slice'>;

/** The texts in events to which a prompt refers. */
export interface PromptTexts {
  text(source: TextSource): string;
  /** Every node of the path from one to another inclusive, oldest first, also those that were left out. */
  path(from: string, to: string): readonly PathEntry[];
}
