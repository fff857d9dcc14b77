import type { NewEvent } from '../../src/events/envelope.js';
import type { EventLog } from '../../src/ports/event-log.js';
import { newDelta, newStream } from './new-events.js';

/** What the log has acknowledged: for each stream the ids, in order. Kept outside of the log, to be held against it. */
export type Journal = Map<string, string[]>;

export const EVENTS_OF_AN_APPEND_MAX = 3;

/** Writers that never give up on an append: what is unavailable is tried again with the same ids. */
export class JournalWriters {
  readonly journal: Journal = new Map();
  acknowledged = 0;
  private stopping = false;
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

  async stop(): Promise<void> {
    this.stopping = true;
    await Promise.all(this.work);
  }

  private async write(log: EventLog, stream: string, eventsOfAnAppend: number): Promise<void> {
    const ids: string[] = [];
    this.journal.set(stream, ids);
    while (!this.stopping) {
      const events = Array.from({ length: eventsOfAnAppend }, () => newDelta());
      await this.appendSurely(log, stream, ids.length, events);
      ids.push(...events.map(({ id }) => id));
      this.acknowledged += events.length;
      this.onAcknowledged(
        stream,
        events.map(({ id }) => id),
      );
    }
  }

  private async appendSurely(log: EventLog, stream: string, standing: number, events: NewEvent[]): Promise<void> {
    for (;;) {
      const { outcome } = await log.append(stream, standing === 0 ? 'none' : standing - 1, events);
      if (outcome === 'appended' || outcome === 'already-there') return;
      if (outcome === 'conflict') throw new Error(`conflict on ${stream}, whose only writer this is`);
    }
  }
}
