import { setTimeout as sleep } from 'node:timers/promises';
import { type Position, START } from '../events/envelope.js';
import { limits } from '../limits.js';
import { LogUnavailable } from './errors.js';

/** An event that the log had and does not have any more: by its position, or by its place in its stream. */
export type GoneEvent =
  | { readonly position: Position }
  | { readonly stream: string; readonly revision: number; readonly id: string };

/**
 * The log no longer has an event that this process read or wrote. It went back, by a restore or by a failover to a copy
 * that was behind, or another process has begun a new incarnation of it. What this process remembers of the log is not
 * true any more, so it reads and appends nothing until it is started again.
 */
export class LogWentBack extends LogUnavailable {
  constructor(
    message: string,
    /** Absent when another process says so. */
    readonly gone?: GoneEvent,
  ) {
    super(message);
  }
}

/**
 * What a process knows of one log: the newest event that it has seen. A log only grows, so as long as it has that event
 * in that position, it has everything that the process has seen before.
 */
export class Continuity {
  private seen: Position = START;
  private cause: LogWentBack | undefined;
  private announce: (cause: LogWentBack) => void = () => {};

  /** Resolves when the log has gone back, and never otherwise. */
  readonly broken = new Promise<LogWentBack>((resolve) => {
    this.announce = resolve;
  });

  get newest(): Position {
    return this.seen;
  }

  see(position: Position | undefined): void {
    if (position !== undefined && position > this.seen) this.seen = position;
  }

  /** Once broken, it stays so: the first cause counts. */
  breakOff(reason: string, gone?: GoneEvent): LogWentBack {
    this.cause ??= new LogWentBack(reason, gone);
    this.announce(this.cause);
    return this.cause;
  }

  /** Another process has begun a later incarnation. */
  supersede(incarnation: string): LogWentBack {
    return this.breakOff(`another process has begun incarnation ${incarnation} of the event log`);
  }

  get isBroken(): boolean {
    return this.cause !== undefined;
  }

  /** Throws LogWentBack once the log has gone back. */
  require(): void {
    if (this.cause) throw this.cause;
  }
}

/**
 * Repeats a lookup that finds nothing. A leader that was just elected may not have indexed all its events, so a first miss
 * proves nothing.
 */
export async function foundOnSecondLook(look: () => Promise<boolean>): Promise<boolean> {
  if (await look()) return true;
  await sleep(limits.goneEventLookAgainMs);
  return look();
}
