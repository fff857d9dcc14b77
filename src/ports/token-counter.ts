/**
 * Counts tokens for one model. Counts plain text only: a text that spells a control token is counted by its characters. Never
 * throws, and takes time in proportion to the length of the text.
 */
export interface Tokenizer {
  readonly encoding: string;
  /** The model is unknown, so its encoding and its limit are assumptions. */
  readonly estimated: boolean;
  /** The tokens that prompt and answer may have together. */
  readonly contextLimit: number;
  /** The cached count of a text. */
  remembered(text: string): number | undefined;
  /** Blocks the event loop: some microseconds for each character of the worst texts. */
  count(text: string): number;
  /** The same count in slices, between which other work of the process gets its turn. */
  countInSlices(text: string): Promise<number>;
}

/** Counts tokens without a network. */
export interface TokenCounter {
  /**
   * Accepts any name. The first call for an encoding loads it, which blocks the process for a moment. A start calls it for the
   * default model, so that the first user does not wait.
   */
  forModel(model: string): Promise<Tokenizer>;
}
