import { limits } from '../../limits.js';
import { Refusal } from '../refusal.js';
import { requireWellFormed } from '../well-formed.js';

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
