import { limits } from '../limits.js';
import { Refusal } from './refusal.js';

/** With the `u` flag a surrogate pair is one character, so this matches only halves. */
const NUL_OR_HALF_A_PAIR = /\0|\p{Surrogate}/u;

/** Refuses NUL and halves of surrogate pairs, which stores and providers encode differently. */
export function requireWellFormed(...texts: readonly (string | null | undefined)[]): void {
  if (texts.some((text) => text && NUL_OR_HALF_A_PAIR.test(text))) throw new Refusal('text_malformed');
}

export function requireContent(content: string): void {
  if (content.trim() === '') throw new Refusal('content_empty');
  requireText(content);
}

/** Checks a text that enters prompts. Null and undefined are accepted. */
export function requireText(text: string | null | undefined): void {
  if (!text) return;
  requireWellFormed(text);
  requireAtMost(Buffer.byteLength(text, 'utf8'), limits.contentBytesMax);
  requireAtMost(Buffer.byteLength(JSON.stringify(text), 'utf8'), limits.contentEscapedBytesMax);
}

function requireAtMost(bytes: number, bytesMax: number): void {
  if (bytes > bytesMax) throw new Refusal('content_too_long', { bytes, bytesMax });
}
