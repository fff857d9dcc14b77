export interface Ids {
  /** A new id that cannot be guessed. */
  random(): string;
  /** The id of an event, made for one call of append: a UUID of version 7. */
  event(): string;
  /** Letters and digits that cannot be guessed: the secret of a key. */
  secret(): string;
}
