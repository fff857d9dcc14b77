/**
 * Messages between the processes of a deployment, so that a process polls now and not at its next interval. A hint may be
 * lost, late or repeated, and any role that can connect to the database can send one. A hint causes only a poll, and
 * everything works without hints.
 */
export interface Hints {
  /** Returns at once. If the send fails, the hint is lost. */
  send(hint: string): void;
  /** Also receives the hints of this process. Returns a function that stops listening. */
  listen(hint: string, listener: () => void): () => void;
}
