import type { Look } from '../domain/access.js';
import type { Position } from '../events/envelope.js';
import type { KnownOutside } from '../notary/stored-before.js';
import type { EventLog } from '../ports/event-log.js';
import type { RecordStore } from '../ports/record.js';
import type { ValueKeys } from '../ports/value-keys.js';

/** A log for reading, with the functions of its engine for positions. */
export interface OpenedLog {
  readonly log: Pick<EventLog, 'readStream' | 'readAll' | 'head'>;
  readonly positions: Positions;
  /** Resolves when the look at data of this tenant is committed. Fails if the log cannot take it now. */
  recordLook(tenant: string, look: Look): Promise<void>;
  close(): Promise<void>;
}

export interface OpenedRecord extends Pick<OpenedLog, 'recordLook'> {
  readonly log: Pick<EventLog, 'gapAfter' | 'readAll' | 'readStream'>;
  readonly keys: Pick<ValueKeys, 'find'>;
  readonly record: Pick<
    RecordStore,
    | 'chained'
    | 'endOwner'
    | 'entries'
    | 'forget'
    | 'heads'
    | 'lastNote'
    | 'lastNotes'
    | 'load'
    | 'noteOf'
    | 'tenants'
    | 'tile'
  >;
  /** Notes and keys beside the database. */
  readonly outside: KnownOutside;
  close(): Promise<void>;
}

export interface Positions {
  /** Undefined if the text is not a position. */
  parse(text: string): Position | undefined;
  show(position: Position): string;
  /** A position with at most this many events between it and `end`, or the start if there are fewer. */
  back(position: Position, events: number): Promise<Position>;
}
