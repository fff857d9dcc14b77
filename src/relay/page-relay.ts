import type { Position, RecordedEvent } from '../events/envelope.js';
import { TerminalError } from '../ports/errors.js';
import { MessagesTooLarge, type RelayConnection } from '../ports/relay.js';
import { type Batch, batchesOf, type Outgoing, positionOf } from './batches.js';
import type { SourceLog } from './cloud-event.js';

/** The destination will never accept this event. The relay stops: a silent gap is worse. */
export class RefusedEvent extends TerminalError {
  constructor({ id, stream, revision, type }: RecordedEvent, cause: TerminalError) {
    super(`event ${revision} of ${stream} (${type}, id ${id}): ${cause.message}`, { cause });
  }
}

/** Sends pages, and remembers which events of an unfinished page are acknowledged. */
export class PageRelay {
  /** By partition, the last acknowledged position. */
  private readonly acknowledged = new Map<number, Position>();

  constructor(
    private readonly log: SourceLog,
    private readonly onSent: (events: number) => void,
  ) {}

  /** Throws if a send fails. Send the same page again before the next one: it leaves out what is acknowledged. */
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

  /** Halves a batch that is too large for the brokers. */
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
