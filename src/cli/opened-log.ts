import type { Position } from '../events/envelope.js';
import type { EventLog } from '../ports/event-log.js';

/** A log to read from, with what its engine knows of its positions. */
export interface OpenedLog {
  readonly log: Pick<EventLog, 'readStream' | 'readAll' | 'head'>;
  readonly positions: Positions;
  close(): Promise<void>;
}

export interface Positions {
  /** Nothing when the text is none. */
  parse(text: string): Position | undefined;
  show(position: Position): string;
  /** A position with at most this many events between it and `end`, or the start if there are fewer. */
  back(position: Position, events: number): Promise<Position>;
}
