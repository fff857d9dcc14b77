import { NO_STREAM, WrongExpectedVersionError } from '@eventstore/db-client';
import type { NewEvent } from '../../events/envelope.js';
import { InvalidAppend } from '../../ports/append-rules.js';
import { TerminalError } from '../../ports/errors.js';
import type { AppendOutcome, ExpectedRevision } from '../../ports/event-log.js';
import type { Connection } from './connection.js';
import { isOutage, kindOf, unavailable } from './outage.js';
import { positionOf } from './position.js';
import { toServer } from './recorded-event.js';

export interface Append {
  readonly stream: string;
  readonly expected: ExpectedRevision;
  readonly events: readonly NewEvent[];
  readonly bytes: number;
  readonly user?: string | undefined;
  /** Whether it ever left: then it is unknown without an answer whether it was written. */
  sent: boolean;
}

/**
 * Sends an append with its exact revision: with that the server compares the ids behind it with the log itself, so it
 * answers a repeated call as the first one. Ids are random for each call, so a success means that this call wrote them.
 */
export async function sendAppend(connection: Connection, append: Append, answerMs: number): Promise<AppendOutcome> {
  const { stream, expected, events } = append;
  append.sent = true;
  try {
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
    if (position === undefined) throw new TerminalError(`append to ${stream}: the server returned no position`);
    const before = expected === 'none' ? -1 : expected;
    return {
      outcome: 'appended',
      revision: before + events.length,
      position: positionOf(position, events.at(-1)?.id),
    };
  } catch (error) {
    if (error instanceof WrongExpectedVersionError) return { outcome: 'conflict', revision: revisionIn(error) };
    throw refusal(connection, stream, error);
  }
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
