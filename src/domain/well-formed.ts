import { Refusal } from './refusal.js';

/** With the `u` flag a pair is one character, so this finds halves only. */
const NUL_OR_HALF_A_PAIR = /\0|\p{Surrogate}/u;

/** Neither has bytes that every store and every provider agrees on. */
export function requireWellFormed(...texts: readonly (string | null | undefined)[]): void {
  if (texts.some((text) => text && NUL_OR_HALF_A_PAIR.test(text))) throw new Refusal('text_malformed');
}
