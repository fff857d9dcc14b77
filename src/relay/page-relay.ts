import type { Position, RecordedEvent } from '../events/envelope.js';
import { TerminalError } from '../ports/errors.js';
import { MessagesTooLarge, type RelayConnection } from '../ports/relay.js';
import { type Batch, batchesOf, type Outgoing, positionOf } from './batches.js';
import type { SourceLog } from './cloud-event.js';

/** An event that will never be taken. Nothing after it goes out either: a gap that nobody sees is worse than a stop. */
export class RefusedEvent extends TerminalError {
  constructor({ id, stream, revision, type }: RecordedEvent, cause: TerminalError) {
    super(`event ${revision} of ${stream} (${type}, id ${id}): ${cause.message}`, { cause });
  }
}

/** Sends pages, and remembers what was acknowledged of one that was not sent to its end. */
export class PageRelay {
  /** Up to where each partition is. */
  private readonly acknowledged = new Map<number, Position>();

  constructor(
    private readonly log: SourceLog,
    private readonly onSent: (events: number) => void,
  ) {}

  /**
   * Throws when a send failed, and then the page has to be sent again before the next one; what it had acknowledged does
   * not go out twice.
   */
  async send(events: readonly RecordedEvent[], connection: RelayConnection, stop: AbortSignal): Promise<void> {
    for (const [partition, batches] of batchesOf(events, connection.partitions, this.acknowledged, this.log)) {
      const send = (batch: Batch) =>
        connection.send(
          partition,
          batch.map(({ message }) => message),
          stop,
        );
      for (const batch of batches) await this.sendOne(partition, batch, send);
    }
  }

  /** What is too large together may be small enough in halves. */
  private async sendOne(partition: number, batch: Batch, send: (batch: Batch) => Promise<void>): Promise<void> {
    try {
      await send(batch);
    } catch (error) {
      if (!(error instanceof MessagesTooLarge)) throw error;
      const halves = halvesOf(batch);
      if (!halves) throw new RefusedEvent(batch[0].event, error);
      for (const half of halves) await this.sendOne(partition, half, send);
      return;
    }
    const last = batch.at(-1) as Outgoing;
    this.acknowledged.set(partition, positionOf(last.event));
    this.onSent(batch.length);
  }
}

function halvesOf(batch: Batch): [Batch, Batch] | undefined {
  const middle = batch.length >> 1;
  const [first, second] = [batch.slice(0, middle), batch.slice(middle)];
  return isBatch(first) && isBatch(second) ? [first, second] : undefined;
}

const isBatch = (outgoing: readonly Outgoing[]): outgoing is Batch => outgoing.length > 0;
