import { setImmediate } from 'node:timers/promises';
import { type AllStreamSubscription, eventTypeFilter, streamNameFilter } from '@eventstore/db-client';
import type { Position, RecordedEvent } from '../../events/envelope.js';
import { limits } from '../../limits.js';
import { textBytes } from '../../ports/log-rules.js';
import type { Connection, Held } from './connection.js';
import { isMistake, NoAnswer, unavailable } from './outage.js';
import { positionOf, type ServerPosition, serverPosition } from './position.js';
import { fromAllStreams } from './recorded-event.js';
import type { ServerFilter } from './server-filter.js';

/** The events since the last call. */
export interface Arrival {
  readonly events: readonly RecordedEvent[];
  /** The position of the last event. Undefined if there is none. */
  readonly position: Position | undefined;
  /** The position that the server has read, including events of other programs. Another subscription can begin here. */
  readonly reached: Position;
  /** No further event waits in this process. */
  readonly isAll: boolean;
  /** The server reports that it has caught up. Servers before 23.10 do not report it. */
  readonly caughtUp: boolean | undefined;
}

/** The longest allowed silence. */
export interface Patience {
  readonly signal: AbortSignal;
  /** Default: unlimited after the server has confirmed the subscription. */
  readonly silenceMsMax?: number;
}

interface Checkpoint {
  readonly position: ServerPosition;
  readonly taken: () => void;
}

/**
 * One subscription to all streams that pass a filter of the server, after a position. If the server drops it, it ends with
 * LogUnavailable, and its reader begins another one at the same place.
 */
export async function* arrivals(
  connection: Connection,
  after: Position,
  filter: ServerFilter,
  patience: Patience,
): AsyncGenerator<Arrival> {
  const held = connection.hold();
  let source: Source | undefined;
  try {
    source = new Source(held, after, filter, patience);
    let reached = after;
    while (!patience.signal.aborted) {
      const arrival = source.take(reached);
      if (arrival) {
        reached = arrival.reached;
        yield arrival;
      } else {
        await source.more();
        // Events that came together are returned together.
        await setImmediate();
      }
    }
  } catch (error) {
    held.failed(error);
    if (isMistake(error)) throw error;
    throw unavailable(connection.description, error);
  } finally {
    source?.close();
    held.release();
  }
}

class Source {
  private readonly subscription: AllStreamSubscription;
  private checkpoint: Checkpoint | undefined;
  private caughtUp: boolean | undefined;
  private reportedCaughtUp: boolean | undefined;
  private isConfirmed = false;
  private failure: unknown;
  private wake = (): void => {};
  private readonly woken = (): void => this.wake();
  private readonly onReplaced = (): void => this.fail(new NoAnswer('another node leads'));

  constructor(
    private readonly held: Held,
    after: Position,
    { by, regex }: ServerFilter,
    private readonly patience: Patience,
  ) {
    const filterBy = by === 'type' ? eventTypeFilter : streamNameFilter;
    this.subscription = held.client.subscribeToAll(
      {
        fromPosition: serverPosition(after),
        requiresLeader: true,
        filter: filterBy({
          regex,
          maxSearchWindow: limits.checkpointWindowEvents,
          // The client waits for this promise. It resolves after the events before the checkpoint are taken: otherwise the
          // checkpoint would be ahead of events that no reader has seen.
          checkpointReached: (_, position) =>
            new Promise((taken) => {
              this.checkpoint = { position, taken };
              this.wake();
            }),
        }),
      },
      { highWaterMark: limits.subscriptionBufferEventsMax },
    );
    this.listen();
  }

  /** Undefined if there is no news. */
  take(before: Position): Arrival | undefined {
    const { events, last, isAll } = this.takeEvents();
    // Events and a checkpoint that came before the failure are valid, and are taken first: the next subscription begins there.
    if (last) return this.arrival(events, last, last, isAll);
    const { checkpoint } = this;
    if (checkpoint) {
      this.checkpoint = undefined;
      checkpoint.taken();
      const reached = positionOf(checkpoint.position);
      if (reached > before) return this.arrival([], undefined, reached, true);
    }
    if (this.failure !== undefined) throw this.failure;
    if (this.reportedCaughtUp === this.caughtUp) return undefined;
    return this.arrival([], undefined, before, true);
  }

  async more(): Promise<void> {
    const { signal, silenceMsMax } = this.patience;
    const waitMs = silenceMsMax ?? (this.isConfirmed ? undefined : limits.readAnswerMs);
    await new Promise<void>((resolve, reject) => {
      const timer = waitMs === undefined ? undefined : setTimeout(() => reject(new NoAnswer('silence')), waitMs);
      this.wake = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', this.woken);
        resolve();
      };
      signal.addEventListener('abort', this.woken);
      // It may have come while no reader waited.
      if (signal.aborted || this.hasNews()) this.wake();
    });
    this.wake = () => {};
  }

  close(): void {
    this.patience.signal.removeEventListener('abort', this.woken);
    this.held.replaced.removeEventListener('abort', this.onReplaced);
    this.checkpoint?.taken();
    // A subscription that has not begun needs no cancel, which could take long.
    void this.subscription.unsubscribe().catch(() => {});
  }

  private listen(): void {
    const over = () => this.fail(new NoAnswer('the server has ended it'));
    this.held.replaced.addEventListener('abort', this.onReplaced);
    if (this.held.replaced.aborted) this.onReplaced();
    this.subscription.on('readable', this.woken);
    this.subscription.on('confirmation', () => {
      this.isConfirmed = true;
      this.wake();
    });
    this.subscription.on('caughtUp', () => {
      this.caughtUp = true;
      this.wake();
    });
    this.subscription.on('fellBehind', () => {
      this.caughtUp = false;
    });
    this.subscription.on('error', (error) => this.fail(error));
    this.subscription.on('end', over);
    this.subscription.on('close', over);
  }

  private fail(error: unknown): void {
    this.failure ??= error;
    this.wake();
  }

  private hasNews(): boolean {
    const { failure, checkpoint, subscription, reportedCaughtUp, caughtUp } = this;
    return (
      failure !== undefined ||
      checkpoint !== undefined ||
      subscription.readableLength > 0 ||
      reportedCaughtUp !== caughtUp
    );
  }

  private takeEvents() {
    const events: RecordedEvent[] = [];
    let last: Position | undefined;
    let bytes = 0;
    for (let taken = 0; taken < limits.readPageEventsMax && bytes < limits.readPageBytesMax; taken++) {
      const resolved = this.subscription.read();
      if (resolved === null) return { events, last, isAll: true };
      if (!resolved.event?.position) continue;
      last = positionOf(resolved.event.position, resolved.event.id);
      const event = fromAllStreams(resolved.event);
      if (!event) continue;
      events.push(event);
      bytes += textBytes(event);
    }
    return { events, last, isAll: this.subscription.readableLength === 0 };
  }

  private arrival(
    events: readonly RecordedEvent[],
    position: Position | undefined,
    reached: Position,
    isAll: boolean,
  ): Arrival {
    this.reportedCaughtUp = this.caughtUp;
    return { events, position, reached, isAll, caughtUp: this.caughtUp };
  }
}
