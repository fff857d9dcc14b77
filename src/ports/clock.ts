export interface Clock {
  /** Milliseconds since 1970, UTC. It may jump when the clock of the machine is set. */
  now(): number;
  /** Milliseconds since some moment. It never jumps, so its differences measure time: leases and deadlines use it. */
  monotonic(): number;
  /** Resolves after that long, or at once when `signal` is aborted. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}
