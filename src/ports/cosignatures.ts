/** The name of the lease of the process that asks witnesses. */
export const COSIGNING = 'cosigning';

/** A cosignature of a signed note. They are kept for ever, also those of origins that have ended. */
export interface Cosignature {
  readonly tenant: string;
  readonly origin: string;
  readonly size: number;
  /** The note as it was signed, without cosignatures. */
  readonly note: string;
  /** The key that verifies the line. */
  readonly witness: string;
  readonly line: string;
  /** ISO 8601 in UTC with milliseconds. */
  readonly at: string;
}

/** When a witness is asked again. */
export interface WantedCosignatures {
  readonly witness: string;
  /** The origins of the present trees, up to the name of the tenant. */
  readonly originPrefix: string;
  /** Trees with news whose last cosignature is older, and at once those with a census that is not cosigned. */
  readonly cosignedBefore: string;
  readonly tenantsMax: number;
}

/** Throws RetryableError when it is away. */
export interface Cosignatures {
  add(cosignature: Cosignature): Promise<void>;
  /** The lines of all witnesses for the note of this size. */
  lines(origin: string, size: number): Promise<readonly string[]>;
  /** The largest note that a witness has cosigned, with the lines of all. */
  lastNote(origin: string): Promise<string | undefined>;
  /** The size of the largest note that this witness has cosigned. */
  lastSize(origin: string, witness: string): Promise<number | undefined>;
  due(wanted: WantedCosignatures): Promise<readonly string[]>;
}
