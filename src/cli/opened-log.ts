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
  /** One after which at most so many events stand up to this one; the start when there are no more. */
  back(position: Position, events: number): Promise<Position>;
}
