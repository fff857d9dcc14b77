import { hash } from 'node:crypto';

/** Shorter than this, counting is as fast as remembering. */
const CHARACTERS_MIN = 64;

/**
 * The latest counts, because each turn counts its whole history again. They are kept under a digest, so that no text of a
 * person stays in memory for it, and 50,000 of them take some 5 MB.
 */
export class RememberedCounts {
  private readonly counts = new Map<string, number>();

  constructor(private readonly countsMax: number) {}

  find(text: string): number | undefined {
    if (text.length < CHARACTERS_MIN) return undefined;
    const key = keyOf(text);
    const tokens = this.counts.get(key);
    if (tokens !== undefined) this.moveToEnd(key, tokens);
    return tokens;
  }

  keep(text: string, tokens: number): void {
    if (text.length < CHARACTERS_MIN) return;
    this.moveToEnd(keyOf(text), tokens);
    if (this.counts.size > this.countsMax) this.counts.delete(this.counts.keys().next().value ?? '');
  }

  /** So the first is the one that was not used for the longest time. */
  private moveToEnd(key: string, tokens: number): void {
    this.counts.delete(key);
    this.counts.set(key, tokens);
  }
}

/** UTF-16 distinguishes lone surrogates; UTF-8 does not. */
const keyOf = (text: string): string => hash('sha256', Buffer.from(text, 'utf16le'), 'base64');
