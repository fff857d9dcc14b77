export interface Ids {
  /** A new id that nobody has used or can guess. */
  random(): string;
  /** Letters and digits that nobody can guess: the secret of a key. */
  secret(): string;
}
