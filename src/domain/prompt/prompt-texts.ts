import type { TextSource } from '../../formats/body-format.js';

/** A node of the path from the root to a message. Notes never are on one. */
export interface PathEntry {
  readonly id: string;
  readonly role: 'user' | 'assistant';
  readonly text: string;
  /** How a reply ended. Absent for a message that was sent, whatever its role. */
  readonly status?: 'final' | 'cancelled' | 'error';
}

/**
 * What a prompt needs of a path, oldest first: its newest part, and where that ends. An array is one; that of a long
 * conversation is walked from its end, and no further than somebody looks.
 */
export type Path = Pick<readonly PathEntry[], 'length' | 'at' | 'slice'>;

/** The texts that a prompt refers to, as they stand in events. */
export interface PromptTexts {
  text(source: TextSource): string;
  /** Every node of the path from one to another, oldest first, both of them and those that were left out included. */
  path(from: string, to: string): readonly PathEntry[];
}
