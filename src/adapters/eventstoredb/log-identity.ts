import { randomUUID } from 'node:crypto';
import { jsonEvent, NO_STREAM, WrongExpectedVersionError } from '@eventstore/db-client';
import { limits } from '../../limits.js';
import { TerminalError } from '../../ports/errors.js';
import type { Connection } from './connection.js';
import { isOutage, kindOf, unavailable } from './outage.js';
import { IDENTITY_STREAM } from './recorded-event.js';
import type { StreamReads } from './stream-reads.js';

/** The identity of the log: the only event of a hidden stream. If several processes write it at once, one wins. */
export async function logIdentity(connection: Connection, reads: StreamReads): Promise<string> {
  const standing = await recordedIdentity(reads);
  if (standing !== undefined) return standing;
  const identity = randomUUID();
  const named = jsonEvent({ type: 'LogNamed', data: { identity } });
  try {
    await connection.call(limits.commitAnswerMs, (client) =>
      client.appendToStream(IDENTITY_STREAM, named, {
        expectedRevision: NO_STREAM,
        deadline: limits.commitAnswerMs,
        requiresLeader: true,
      }),
    );
    return identity;
  } catch (error) {
    if (isOutage(error)) throw unavailable(connection.description, error);
    const other = error instanceof WrongExpectedVersionError ? await recordedIdentity(reads) : undefined;
    if (other === undefined) throw new TerminalError(`${IDENTITY_STREAM} cannot be written (${kindOf(error)})`);
    return other;
  }
}

export async function recordedIdentity(reads: StreamReads): Promise<string | undefined> {
  const { events } = await reads.serverEvents(IDENTITY_STREAM, 'forwards', 0, 1);
  const [named] = events;
  if (!named) return undefined;
  const { identity } = named.data as { identity?: unknown };
  if (typeof identity !== 'string') throw new TerminalError(`${IDENTITY_STREAM} was written by another program`);
  return identity;
}
