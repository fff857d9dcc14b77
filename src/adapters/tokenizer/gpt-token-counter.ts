import type { TokenCounter, Tokenizer } from '../../ports/token-counter.js';
import { type EncodingName, type KnownModel, knownModel } from './known-models.js';
import { type Count, inBoundedTime } from './plain-text.js';
import { remembered } from './remembered.js';

/** What the API promises for a model that nobody here has heard of. */
const ASSUMED: KnownModel = { encoding: 'o200k_base', contextLimit: 8_192 };

/** Some 400 conversations of 60 turns. */
const COUNTS_REMEMBERED_MAX = 50_000;
/** Merged pieces within one text. */
const PIECES_REMEMBERED_MAX = 10_000;

/**
 * Each encoding costs 0.06-0.16 s and 10-60 MB, so it is loaded when a model first needs it. A promise is kept, not its
 * result: two that ask at once share one load.
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
  private readonly counts = new Map<EncodingName, Promise<Count>>();

  async forModel(model: string): Promise<Tokenizer> {
    const known = knownModel(model);
    const { encoding, contextLimit } = known ?? ASSUMED;
    return { encoding, estimated: known === undefined, contextLimit, count: await this.countOf(encoding) };
  }

  private countOf(encoding: EncodingName): Promise<Count> {
    const loading = this.counts.get(encoding) ?? load[encoding]().then(countWith);
    this.counts.set(encoding, loading);
    return loading;
  }
}

/** No control token is allowed and none is forbidden: a text that spells one is just text. */
const PLAIN = { disallowedSpecial: new Set<string>() };

function countWith({ countTokens, setMergeCacheSize, clearMergeCache }: Encoding): Count {
  setMergeCacheSize(PIECES_REMEMBERED_MAX);
  const count = inBoundedTime((text) => countTokens(text, PLAIN));
  return remembered((text) => {
    const tokens = count(text);
    // Its keys are slices that hold on to the whole text they were cut from.
    clearMergeCache();
    return tokens;
  }, COUNTS_REMEMBERED_MAX);
}
