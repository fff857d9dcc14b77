/**
 * Where each command with an idempotency key was first tried. A conversation knows the commands that it has handled;
 * this knows in which conversation to look, because a key is good for one request among all of them.
 *
 * Throws RetryableError when the store is away.
 */
export interface CommandPlaces {
  /** Remembers the conversation unless one is remembered already, and answers with the one that stands. */
  claim(commandId: string, conversation: string): Promise<string>;

  /** The conversation that is remembered; undefined when there is none. Remembers nothing. */
  find(commandId: string): Promise<string | undefined>;

  /**
   * Puts another conversation in the place of one that has not handled the command, and never will. Answers with the
   * one that stands: another caller may have been faster.
   */
  move(commandId: string, from: string, to: string): Promise<string>;
}
