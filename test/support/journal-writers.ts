import { setImmediate as nextTurn } from 'node:timers/promises';
import type { NewEvent } from '../../src/events/envelope.js';
import type { EventLog } from '../../src/ports/event-log.js';
import { newDelta, newStream } from './new-events.js';

/** What the log has acknowledged: for each stream the ids, in order. Kept outside of the log, to be held against it. */
export type Journal = Map<string, string[]>;

export const EVENTS_OF_AN_APPEND_MAX = 3;

/** Runs `work` beside writers, which have ended afterwards, also if it fails. */
export async function withJournalWriters(
  log: EventLog,
  count: number,
  work: (writers: JournalWriters) => Promise<void>,
): Promise<void> {
  const writers = new JournalWriters(log, count);
  try {
    await work(writers);
  } finally {
    await writers.abandon();
  }
}

/** Writers that never give up on an append: what is unavailable is tried again with the same ids. */
export class JournalWriters {
  readonly journal: Journal = new Map();
  acknowledged = 0;
  private stopping = false;
  private abandoned = false;
  private readonly work: Promise<void>[];

  constructor(
    log: EventLog,
    writers: number,
    private readonly onAcknowledged: (stream: string, ids: readonly string[]) => void = () => {},
  ) {
    this.work = Array.from({ length: writers }, (_, nth) =>
      this.write(log, newStream(), 1 + (nth % EVENTS_OF_AN_APPEND_MAX)),
    );
  }

  /** Each writer ends with an append that is acknowledged. */
  async stop(): Promise<void> {
    this.stopping = true;
    await Promise.all(this.work);
  }

  /** Each writer ends with the next answer. */
  async abandon(): Promise<void> {
    this.abandoned = true;
    await this.stop();
  }

  private async write(log: EventLog, stream: string, eventsOfAnAppend: number): Promise<void> {
    const ids: string[] = [];
    this.journal.set(stream, ids);
    while (!this.stopping) {
      const events = Array.from({ length: eventsOfAnAppend }, () => newDelta());
      if (!(await this.isAcknowledged(log, stream, ids.length, events))) return;
      ids.push(...events.map(({ id }) => id));
      this.acknowledged += events.length;
      this.onAcknowledged(
        stream,
        events.map(({ id }) => id),
      );
    }
  }

  /** False if the writers are abandoned first. */
  private async isAcknowledged(log: EventLog, stream: string, before: number, events: NewEvent[]): Promise<boolean> {
    while (!this.abandoned) {
      const { outcome } = await log.append(stream, before === 0 ? 'none' : before - 1, events);
      if (outcome === 'appended' || outcome === 'already-there') return true;
      if (outcome === 'conflict') throw new Error(`conflict on ${stream}, whose only writer this is`);
      // A closed log answers at once. Without this pause no timer of the process runs again, not even that of the test.
      await nextTurn();
    }
    return false;
  }
}
