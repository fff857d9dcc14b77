import { Refusal } from './refusal.js';

/** With the `u` flag a surrogate pair is one character, so this matches only halves. */
const NUL_OR_HALF_A_PAIR = /\0|\p{Surrogate}/u;

/** True without NUL and halves of surrogate pairs, which stores and providers encode differently. */
export function requireWellFormed(...texts: readonly (string | null | undefined)[]): void {
  if (texts.some((text) => text && NUL_OR_HALF_A_PAIR.test(text))) throw new Refusal('text_malformed');
}
