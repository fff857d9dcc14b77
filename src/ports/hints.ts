/**
 * Words between the processes of a deployment, so that one looks now and not at its next turn. A hint may be lost, late or
 * repeated, and anybody who reaches the database can send one: everything works without hints, and nothing follows from
 * one but a look.
 */
export interface Hints {
  /** Returns at once. A failure to send is the loss of the hint. */
  send(hint: string): void;
  /** Also called for the hints of this process. Returns the function that ends it. */
  listen(hint: string, listener: () => void): () => void;
}
