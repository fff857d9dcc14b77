import { hash } from 'node:crypto';
import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import type { TokenCounter, Tokenizer } from '../../ports/token-counter.js';
import { type EncodingName, type KnownModel, knownModel } from './known-models.js';

/** The assumption for an unknown model, as the API documents it. */
const ASSUMED: KnownModel = { encoding: 'o200k_base', contextLimit: 8_192 };

/** Some 400 conversations of 60 turns. */
const COUNTS_REMEMBERED_MAX = 50_000;
/** Merged pieces within one text. */
const PIECES_REMEMBERED_MAX = 10_000;

/**
 * Each encoding costs 0.06-0.16 s and 10-60 MB, so it is loaded when a model first needs it. The promise is cached, so that
 * simultaneous callers share one load.
 */
const load: Record<EncodingName, () => Promise<Encoding>> = {
  o200k_base: () => import('gpt-tokenizer/encoding/o200k_base'),
  cl100k_base: () => import('gpt-tokenizer/encoding/cl100k_base'),
};
type Encoding = Pick<
  typeof import('gpt-tokenizer/encoding/o200k_base'),
  'countTokens' | 'setMergeCacheSize' | 'clearMergeCache'
>;

export class GptTokenCounter implements TokenCounter {
  private readonly counting = new Map<EncodingName, Promise<Counting>>();

  async forModel(model: string): Promise<Tokenizer> {
    const known = knownModel(model);
    const { encoding, contextLimit } = known ?? ASSUMED;
    return { encoding, estimated: known === undefined, contextLimit, ...(await this.countingIn(encoding)) };
  }

  private countingIn(encoding: EncodingName): Promise<Counting> {
    const loading = this.counting.get(encoding) ?? load[encoding]().then(countingWith);
    this.counting.set(encoding, loading);
    return loading;
  }
}

type Counting = Pick<Tokenizer, 'remembered' | 'count' | 'countInSlices'>;

/** Control tokens are neither allowed nor forbidden: a text that spells one is plain text. */
const PLAIN = { disallowedSpecial: new Set<string>() };

function countingWith({ countTokens, setMergeCacheSize, clearMergeCache }: Encoding): Counting {
  setMergeCacheSize(PIECES_REMEMBERED_MAX);
  const counts = new RememberedCounts(COUNTS_REMEMBERED_MAX);
  const tokensIn = (slice: string) => countSlice(slice, (text) => countTokens(text, PLAIN));
  const keep = (text: string, tokens: number) => {
    // Its keys are slices that keep the whole text in memory.
    clearMergeCache();
    counts.keep(text, tokens);
    return tokens;
  };
  return {
    remembered: (text) => counts.find(text),
    count(text) {
      let tokens = 0;
      for (const slice of slicesOf(text)) tokens += tokensIn(slice);
      return keep(text, tokens);
    },
    async countInSlices(text) {
      let tokens = 0;
      for (const slice of slicesOf(text)) {
        tokens += tokensIn(slice);
        await turnOfTheLoop();
      }
      return keep(text, tokens);
    },
  };
}

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

/** Counts one text. */
export type Count = (text: string) => number;

const SLICE_CHARACTERS_MAX = 2_048;
const RUN_CHARACTERS_MAX = 128;

/**
 * An encoding splits a text into pieces between letters, blanks and signs, and the work on a piece grows with the square of
 * its length: minutes for a page of "aaaa". So runs of one class of characters that are longer than any word are cut. The u
 * flag makes `\p{L}` a class: without it, or without the backslash, it matches the letters p and L.
 */
const CLASSES = [/[\p{L}\p{M}]/u, /[^\s\p{L}\p{N}]/u, /\s/u, /[\r\n/]/u];
const LONG_RUNS = new RegExp(
  CLASSES.map(({ source }) => `(?<!${source})${source}{${RUN_CHARACTERS_MAX + 1},}`).join('|'),
  'gu',
);
const CUT_RUN = new RegExp(`.{1,${RUN_CHARACTERS_MAX}}`, 'gsu');

/** Counts a slice. The work is bounded: some milliseconds for the worst one. */
export function countSlice(slice: string, count: Count): number {
  if (slice.length <= RUN_CHARACTERS_MAX) return count(slice);
  let tokens = 0;
  let counted = 0;
  for (const { index, 0: run } of slice.matchAll(LONG_RUNS)) {
    if (index > counted) tokens += count(slice.slice(counted, index));
    for (const [piece] of run.matchAll(CUT_RUN)) tokens += count(piece);
    counted = index + run.length;
  }
  return counted === slice.length ? tokens : tokens + count(slice.slice(counted));
}

/**
 * The last index at which every encoding splits a text: before a blank that is no line break, and between a letter and a sign
 * that is no apostrophe. The counts of both parts add up to the count of the whole.
 */
const UP_TO_LAST_SPLIT = /^.*(?:(?<=\S)(?=[^\S\r\n])|(?<=\p{L})(?=[^\s\p{L}\p{M}\p{N}']))/su;

/**
 * Cuts a text into slices, which are counted one after the other. The sum is exact for a text without long runs. A cut within
 * a run may split or join tokens: such a count is at most 2 per cent below and 15 per cent above the exact one.
 */
export function* slicesOf(text: string): Iterable<string> {
  let start = 0;
  while (text.length - start > SLICE_CHARACTERS_MAX) {
    const end = endOfSlice(text, start);
    yield text.slice(start, end);
    start = end;
  }
  if (start < text.length) yield text.slice(start);
}

function endOfSlice(text: string, start: number): number {
  const most = start + SLICE_CHARACTERS_MAX;
  const window = text.slice(start, most) + String.fromCodePoint(text.codePointAt(most) ?? 0);
  const upToSplit = UP_TO_LAST_SPLIT.exec(window)?.[0].length;
  return upToSplit ? start + upToSplit : wholePairs(text, most);
}

const LOW_SURROGATE = /[\uDC00-\uDFFF]/;
const HIGH_SURROGATE = /[\uD800-\uDBFF]/;

/** Not between the halves of a surrogate pair. */
function wholePairs(text: string, end: number): number {
  return LOW_SURROGATE.test(text.charAt(end)) && HIGH_SURROGATE.test(text.charAt(end - 1)) ? end - 1 : end;
}
