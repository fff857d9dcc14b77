import { limits } from '../../limits.js';
import { Refusal } from '../refusal.js';
import { requireWellFormed } from '../well-formed.js';

export function requireContent(content: string): void {
  if (content.trim() === '') throw new Refusal('content_empty');
  requireWellFormed(content);
  const bytes = Buffer.byteLength(content, 'utf8');
  const bytesMax = limits.contentBytesMax;
  if (bytes > bytesMax) throw new Refusal('content_too_long', { bytes, bytesMax });
}
