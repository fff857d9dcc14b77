import { NO_STREAM, WrongExpectedVersionError } from '@eventstore/db-client';
import { TerminalError } from '../../ports/errors.js';
import type { AppendOutcome } from '../../ports/event-log.js';
import { InvalidAppend } from '../../ports/log-rules.js';
import { AppendBatch, BatchesUnsupported } from './append-batch.js';
import type { QueuedAppend } from './append-queue.js';
import type { Connection } from './connection.js';
import { isOutage, kindOf, unavailable } from './outage.js';
import { positionOf, type ServerPosition } from './position.js';
import { toServer } from './recorded-event.js';

/**
 * Sends appends over one call for each connection, or each over its own call on an older server. Each append expects an exact
 * revision, so the server compares the ids after it with the log, and gives a repeated call its first answer. Ids are random
 * for each call, so a success means that this call wrote the events.
 */
export class AppendSender {
  private batch: AppendBatch | undefined;

  constructor(private readonly connection: Connection) {}

  /** Throws RetryableError if there is no answer. */
  async send(append: QueuedAppend, answerMs: number): Promise<AppendOutcome> {
    const { stream, expected, events } = append;
    append.sent = true;
    try {
      const position = await this.written(append, answerMs);
      if (position === undefined) throw new TerminalError(`append to ${stream}: the server returned no position`);
      const before = expected === 'none' ? -1 : expected;
      return {
        outcome: 'appended',
        revision: before + events.length,
        position: positionOf(position, events.at(-1)?.id),
      };
    } catch (error) {
      if (error instanceof WrongExpectedVersionError) return { outcome: 'conflict', revision: revisionIn(error) };
      throw refusal(this.connection, stream, error);
    }
  }

  /** Call it when no append is open. */
  close(): void {
    this.batch?.close();
  }

  private async written(append: QueuedAppend, answerMs: number): Promise<ServerPosition | undefined> {
    if (!this.batch?.isTaking) this.batch = new AppendBatch(this.connection.hold());
    try {
      return await this.batch.write(append, answerMs);
    } catch (error) {
      if (!(error instanceof BatchesUnsupported)) throw error;
      return writeAlone(this.connection, append, answerMs);
    }
  }
}

async function writeAlone(connection: Connection, { stream, expected, events }: QueuedAppend, answerMs: number) {
  const { position } = await connection.call(answerMs, (client) =>
    client.appendToStream(
      stream,
      events.map((event) => toServer(event)),
      {
        expectedRevision: expected === 'none' ? NO_STREAM : BigInt(expected),
        deadline: answerMs,
        requiresLeader: true,
      },
    ),
  );
  return position;
}

const revisionIn = ({ actualVersion }: WrongExpectedVersionError): number | 'none' =>
  typeof actualVersion === 'bigint' ? Number(actualVersion) : 'none';

function refusal(connection: Connection, stream: string, error: unknown): unknown {
  if (error instanceof TerminalError) return error;
  if (isOutage(error)) return unavailable(connection.description, error);
  if (kindOf(error) === 'maximum-append-size-exceeded') {
    return new InvalidAppend('too-large', `append to ${stream}: larger than the server's MaxAppendSize`);
  }
  return new TerminalError(`append to ${stream}: refused by the server (${kindOf(error)})`);
}
