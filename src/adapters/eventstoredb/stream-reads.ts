import {
  BACKWARDS,
  convertToCommandError,
  END,
  FORWARDS,
  type RecordedEvent as ServerEvent,
} from '@eventstore/db-client';
import { type ServiceError, status } from '@grpc/grpc-js';
import { type Position, type RecordedEvent, START } from '../../events/envelope.js';
import { limits } from '../../limits.js';
import { LogUnavailable, TerminalError } from '../../ports/errors.js';
import type { Connection } from './connection.js';
import { HeadSearch } from './head-search.js';
import type { NodeClient } from './node-client.js';
import { isOutage, type Kind, kindOf, leaderNamedBy, unavailable } from './outage.js';
import { namedEvent, positionOf, type ServerPosition, serverPosition } from './position.js';
import { fromServer, IDENTITY_STREAM, isOfProduct } from './recorded-event.js';
import { reportsCaughtUp } from './server-filter.js';

export type ReadDirection = 'forwards' | 'backwards';

interface StreamPage<T> {
  readonly events: readonly T[];
  /** No event follows the page. Known from the page itself, which saves a call for each short stream. */
  readonly isLast: boolean;
}

/** Reads one page with each call. Calls go to the leader, because another node may lag behind its answers. */
export class StreamReads {
  private readonly headSearch = new HeadSearch();

  constructor(private readonly connection: Connection) {}

  /** Reads as many events as fit, from a revision or from the end. None if the stream does not exist. */
  async page(
    stream: string,
    direction: ReadDirection,
    from: number | 'end',
    eventsMax: number,
  ): Promise<StreamPage<RecordedEvent>> {
    const { events, isLast } = await this.serverEvents(stream, direction, from, eventsMax);
    return { events: events.map((event) => fromServer(event) ?? foreign(event)), isLast };
  }

  serverEvents(
    stream: string,
    direction: ReadDirection,
    from: number | 'end',
    eventsMax: number,
  ): Promise<StreamPage<ServerEvent>> {
    return this.ask(async (client, over) => {
      const reading = client.readStream(stream, {
        direction: direction === 'forwards' ? FORWARDS : BACKWARDS,
        fromRevision: from === 'end' ? END : BigInt(from),
        maxCount: eventsMax,
        requiresLeader: true,
      });
      over.addEventListener('abort', () => cancel(reading));
      const events: ServerEvent[] = [];
      let bytes = 0;
      try {
        for await (const { event } of reading) {
          if (!event) continue;
          events.push(event);
          bytes += sizeBytes(event);
          if (bytes >= limits.readPageBytesMax) {
            cancel(reading);
            return { events, isLast: false };
          }
        }
      } catch (error) {
        if (kindOf(error) !== 'stream-not-found') throw error;
      }
      return { events, isLast: events.length < eventsMax };
    });
  }

  head(): Promise<Position> {
    return this.ask((client, over) => this.headSearch.newest((from) => backwards(client, from, over)));
  }

  /** The time of the next event after a position. If many records of other programs precede it, the time of one of them. */
  nextAt(after: Position): Promise<string | undefined> {
    return this.ask(async (client, over) => {
      const reading = client.readAll({
        direction: FORWARDS,
        fromPosition: serverPosition(after),
        maxCount: limits.backlogAgeRecordsMax,
        requiresLeader: true,
      });
      over.addEventListener('abort', () => cancel(reading));
      let at: string | undefined;
      try {
        for await (const { event } of reading) {
          // The read begins with the record at the position.
          if (!event || positionOf(event.position) <= after) continue;
          at = fromServer(event)?.at ?? event.created.toISOString();
          if (isOfProduct(event)) return at;
        }
        return at;
      } finally {
        cancel(reading);
      }
    });
  }

  /**
   * True if the log has this event at this place. A place without an id is held if the log has a record there or later,
   * because earlier versions saved how far the server had read, and a record of another program may have expired. The server
   * refuses a place within a record: then it has other records there.
   */
  async holds(position: Position): Promise<boolean> {
    if (position === START) return true;
    const named = namedEvent(position);
    if (!named) return false;
    try {
      const first = await this.ask((client, over) => firstFrom(client, named.place, over));
      if (first?.position === undefined) return false;
      if (named.id === undefined) return positionOf(first.position) >= positionOf(named.place);
      return positionOf(first.position, first.id) === positionOf(named.place, named.id);
    } catch (error) {
      if (!(error instanceof LogUnavailable && error.cause === REFUSED_PLACE)) throw error;
      // The server answers other reads, so it refuses this place.
      await this.head();
      return false;
    }
  }

  /** The position with this many events between it and `end`, or the start if there are fewer. */
  back(position: Position, events: number): Promise<Position> {
    return this.ask(async (client, over) => {
      let left = events;
      for await (const event of backwards(client, position, over)) {
        if (isOfProduct(event)) left -= 1;
        if (left === 0) return positionOf(event.position as ServerPosition, event.id);
        if (event.streamId === IDENTITY_STREAM) return START;
      }
      return START;
    });
  }

  /** True if the server reports that a subscription has caught up. */
  serverReportsCaughtUp(): Promise<boolean> {
    return this.ask(async (client) => {
      try {
        return reportsCaughtUp(await client.version(limits.readAnswerMs));
      } catch (error) {
        // Servers before 21.10 do not know the call.
        if ((error as Partial<ServiceError>).code === status.UNIMPLEMENTED) return false;
        throw convertToCommandError(error as Error);
      }
    });
  }

  private async ask<T>(work: (client: NodeClient, over: AbortSignal) => Promise<T>, leadersLeft = 1): Promise<T> {
    try {
      return await this.connection.call(limits.readAnswerMs, work);
    } catch (error) {
      // The next call goes to the leader that this error names.
      if (leaderNamedBy(error) && leadersLeft > 0) return this.ask(work, leadersLeft - 1);
      if (isOutage(error)) throw unavailable(this.connection.description, error);
      throw new TerminalError(`EventStoreDB at ${this.connection.description} refuses a read: ${kindOf(error)}`);
    }
  }
}

/** The server's only text for it: "Exception was thrown by handler". */
const REFUSED_PLACE: Kind = 'unknown';

async function firstFrom(client: NodeClient, place: ServerPosition, over: AbortSignal) {
  const reading = client.readAll({ direction: FORWARDS, fromPosition: place, maxCount: 1, requiresLeader: true });
  over.addEventListener('abort', () => cancel(reading));
  try {
    for await (const { event } of reading) if (event) return event;
    return undefined;
  } finally {
    cancel(reading);
  }
}

/** All records of the server before a position, the newest first. */
async function* backwards(client: NodeClient, from: Position | 'end', over: AbortSignal): AsyncIterable<ServerEvent> {
  const fromPosition = from === 'end' ? END : serverPosition(from);
  const reading = client.readAll({ direction: BACKWARDS, fromPosition, requiresLeader: true });
  over.addEventListener('abort', () => cancel(reading));
  try {
    for await (const { event } of reading) if (event) yield event;
  } finally {
    cancel(reading);
  }
}

/** Cancels the call at the end of the loop. Otherwise it would stay open and the server would keep sending. */
function cancel(reading: { cancel(): Promise<void> }): void {
  void reading.cancel().catch(() => {});
}

/** The size of the binary fields. All others are small. */
const sizeBytes = ({ data }: ServerEvent): number => (data instanceof Uint8Array ? data.length : 0);

function foreign({ streamId, revision }: ServerEvent): never {
  throw new TerminalError(`event ${revision} of ${streamId} was written by another program`);
}
