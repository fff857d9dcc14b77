import { Refusal } from '../refusal.js';

export const contentBytesMax = 256 * 1024;

/** With the `u` flag a pair is one character, so this finds halves only. */
const NUL_OR_HALF_A_PAIR = /\0|\p{Surrogate}/u;

/** Neither has bytes that every store and every provider agrees on. */
export function requireWellFormed(text: string | null | undefined): void {
  if (text && NUL_OR_HALF_A_PAIR.test(text)) throw new Refusal('text_malformed');
}

export function requireContent(content: string): void {
  if (content.trim() === '') throw new Refusal('content_empty');
  requireWellFormed(content);
  const bytes = Buffer.byteLength(content, 'utf8');
  if (bytes > contentBytesMax) throw new Refusal('content_too_long', { bytes, bytesMax: contentBytesMax });
}
