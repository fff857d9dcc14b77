/**
 * How one model counts: plain text only, so what looks like a control token is counted as the characters it is made of.
 * Never throws, whatever the text, and takes time in proportion to its length.
 */
export interface Tokenizer {
  readonly encoding: string;
  /** The model is not known: its encoding and its limit are assumptions. */
  readonly estimated: boolean;
  /** How many tokens prompt and answer may have together. */
  readonly contextLimit: number;
  /** The count of a text that was counted lately. */
  remembered(text: string): number | undefined;
  /** Holds the event loop for as long as it takes: some microseconds for each character of the worst texts. */
  count(text: string): number;
  /** The same count, slice by slice: between two slices everything else in the process has its turn. */
  countInSlices(text: string): Promise<number>;
}

/** Counting without a network. */
export interface TokenCounter {
  /**
   * Any name gets an answer. The first one for an encoding loads it, which keeps the process busy for a moment: a start
   * that asks for the default model spares its first user that.
   */
  forModel(model: string): Promise<Tokenizer>;
}
