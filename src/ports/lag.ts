import type { Backlog } from './event-log.js';

/** How far a reader is behind the log. */
export interface Lag {
  /** Null where the engine of the log does not count. */
  readonly events: number | null;
  /** In positions of the engine. */
  readonly distance: number;
  /** Since the oldest event that waits. */
  readonly seconds: number;
  readonly estimated: boolean;
}

export function lagOf({ events, distance, oldestAt, estimated }: Backlog, now: number): Lag {
  const seconds = oldestAt === undefined ? 0 : Math.max(0, (now - Date.parse(oldestAt)) / 1_000);
  return { events, distance, seconds, estimated };
}
