import { hash } from 'node:crypto';

/** To count a shorter text is as fast as to look it up. */
const CHARACTERS_MIN = 64;

/**
 * A cache of counts, because each turn counts its whole history again. The keys are digests, so that no texts of users stay in
 * memory. 50,000 entries take about 5 MB.
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

  /** Moves the entry to the end, so that the first is the least recently used. */
  private moveToEnd(key: string, tokens: number): void {
    this.counts.delete(key);
    this.counts.set(key, tokens);
  }
}

/** UTF-16 distinguishes lone surrogates; UTF-8 does not. */
const keyOf = (text: string): string => hash('sha256', Buffer.from(text, 'utf16le'), 'base64');
