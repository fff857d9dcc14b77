/** How one model counts. */
export interface Tokenizer {
  readonly encoding: string;
  /** The model is not known: its encoding and its limit are assumptions. */
  readonly estimated: boolean;
  /** How many tokens prompt and answer may have together. */
  readonly contextLimit: number;
  /**
   * Plain text only: what looks like a control token is counted as the characters it is made of. Never throws, whatever
   * the text, and takes time in proportion to its length.
   */
  count(text: string): number;
}

/** Counting without a network. */
export interface TokenCounter {
  /**
   * Any name gets an answer. The first one for an encoding loads it, which keeps the process busy for a moment: a start
   * that asks for the default model spares its first user that.
   */
  forModel(model: string): Promise<Tokenizer>;
}
