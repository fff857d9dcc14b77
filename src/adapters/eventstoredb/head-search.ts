import type { RecordedEvent as ServerEvent } from '@eventstore/db-client';
import { type Position, START } from '../../events/envelope.js';
import { positionOf, type ServerPosition } from './position.js';
import { IDENTITY_STREAM, isOfProduct } from './recorded-event.js';

type ServerRecord = Pick<ServerEvent, 'id' | 'streamId' | 'position'>;

/** Records of all streams before a position, the newest first. */
type Backwards = (from: Position | 'end') => AsyncIterable<ServerRecord>;

/** Every record from `newest` back to `oldest` was searched. The head is absent if all of them are of other programs. */
interface Known {
  readonly newest: Position;
  readonly oldest: Position;
  readonly head?: Position;
}

/**
 * Finds the newest event of Verbatim. A backwards read of all streams also has records of the server and of other programs,
 * and there may be more of them than one call can read in time. So no record is searched twice: neither behind a found head,
 * nor after a call that broke off.
 */
export class HeadSearch {
  private known: Known | undefined;

  async newest(backwards: Backwards): Promise<Position> {
    // The result of an earlier search. It must not change while this one runs.
    const { known } = this;
    let first: Position | undefined;
    for await (const record of backwards('end')) {
      const position = positionOf(record.position as ServerPosition, record.id);
      first ??= position;
      if (known && position <= known.newest) return this.beyondKnown(backwards, first, known);
      if (isEnd(record)) return this.found(first, position, headAt(record, position));
      this.passed(first, position);
    }
    return START;
  }

  /** Continues where an earlier search broke off without finding the head. */
  private async beyondKnown(backwards: Backwards, first: Position, { oldest, head }: Known): Promise<Position> {
    if (head !== undefined) return this.found(first, oldest, head);
    this.known = { newest: first, oldest };
    for await (const record of backwards(oldest)) {
      const position = positionOf(record.position as ServerPosition, record.id);
      if (isEnd(record)) return this.found(first, position, headAt(record, position));
      this.known = { newest: first, oldest: position };
    }
    return START;
  }

  private found(newest: Position, oldest: Position, head: Position): Position {
    this.known = { newest, oldest, head };
    return head;
  }

  /** Only the first search saves its progress. A later one soon reaches the range of the first. */
  private passed(newest: Position, oldest: Position): void {
    if (!this.known || this.known.newest === newest) this.known = { newest, oldest };
  }
}

const isEnd = (record: ServerRecord): boolean => isOfProduct(record) || record.streamId === IDENTITY_STREAM;

/** The identity is the first event of a log. */
const headAt = (record: ServerRecord, position: Position): Position =>
  record.streamId === IDENTITY_STREAM ? START : position;
