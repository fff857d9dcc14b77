import type { RecordedEvent as ServerEvent } from '@eventstore/db-client';
import { type Position, START } from '../../events/envelope.js';
import { positionOf, type ServerPosition } from './position.js';
import { IDENTITY_STREAM, isOfProduct } from './recorded-event.js';

type ServerRecord = Pick<ServerEvent, 'id' | 'streamId' | 'position'>;

/** Records of all streams, the newest first, from before a position. */
type Backwards = (from: Position | 'end') => AsyncIterable<ServerRecord>;

/** Every record from `newest` back to `oldest` is known. The head is absent while all of them are of other programs. */
interface Known {
  readonly newest: Position;
  readonly oldest: Position;
  readonly head?: Position;
}

/**
 * Finds the newest event of the product. The server keeps its own events and those of other programs among all, and a read
 * backwards skips none of them; there may be more than can be read in the time of one call. So what was looked at is not
 * looked at again: neither behind a head that was found, nor when the call before broke off on its way.
 */
export class HeadSearch {
  private known: Known | undefined;

  async newest(backwards: Backwards): Promise<Position> {
    // Of an earlier search: what this one passes must not count as its end.
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

  /** From where an earlier search broke off, unless it had found the head. */
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

  /** Only the first search takes notes on its way: a later one has little to pass before it is where that one was. */
  private passed(newest: Position, oldest: Position): void {
    if (!this.known || this.known.newest === newest) this.known = { newest, oldest };
  }
}

const isEnd = (record: ServerRecord): boolean => isOfProduct(record) || record.streamId === IDENTITY_STREAM;

/** The identity of the log is written before every other event of it. */
const headAt = (record: ServerRecord, position: Position): Position =>
  record.streamId === IDENTITY_STREAM ? START : position;
