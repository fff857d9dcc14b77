export interface Clock {
  /** Milliseconds since 1970, UTC. */
  now(): number;
  /** Resolves after that long, or at once when `signal` is aborted. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}
