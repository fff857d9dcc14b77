/** A witness of another operator, as C2SP tlog-witness defines it. */
export interface AskedWitness {
  /** The key that verifies its cosignatures. Its name is that of the witness. */
  readonly verifierKey: string;
  /** Throws RetryableError when it is away. */
  add(request: string): Promise<WitnessReply>;
}

export type WitnessReply =
  | { readonly is: 'cosigned'; readonly lines: string }
  /** It has cosigned a tree of this size. */
  | { readonly is: 'at'; readonly size: number }
  | { readonly is: 'refused'; readonly status: number };
