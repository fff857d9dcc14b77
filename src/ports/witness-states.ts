/** The last note of an origin that a witness has cosigned. */
export interface CosignedState {
  readonly note: string;
  /** How many notes came before it. */
  readonly number: number;
}

/** What a witness must remember, so that it never cosigns two histories of one log. */
export interface WitnessStates {
  last(origin: string): Promise<CosignedState | undefined>;
  /**
   * Keeps the note that follows `after`. Flushed when it resolves. False, and nothing is kept, if another note follows it
   * already: two processes may use one folder by mistake.
   */
  follow(origin: string, after: CosignedState | undefined, note: string): Promise<boolean>;
}
