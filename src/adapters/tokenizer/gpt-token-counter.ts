import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import type { TokenCounter, Tokenizer } from '../../ports/token-counter.js';
import { type EncodingName, type KnownModel, knownModel } from './known-models.js';
import { countSlice, slicesOf } from './plain-text.js';
import { RememberedCounts } from './remembered-counts.js';

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
