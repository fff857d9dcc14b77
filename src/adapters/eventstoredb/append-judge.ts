import { NO_STREAM, WrongExpectedVersionError } from '@eventstore/db-client';
import type { NewEvent } from '../../events/envelope.js';
import { limits } from '../../limits.js';
import { InvalidAppend } from '../../ports/append-rules.js';
import { RetryableError, TerminalError } from '../../ports/errors.js';
import type { AppendOutcome, ExpectedRevision } from '../../ports/event-log.js';
import type { Connection } from './connection.js';
import { isOutage, kindOf, unavailable } from './outage.js';
import { positionOf, type ServerPosition } from './position.js';
import { appendOf, toServer } from './recorded-event.js';
import type { Standing, StandingIds } from './standing-ids.js';
import type { StreamReads } from './stream-reads.js';

export interface Append {
  readonly stream: string;
  readonly expected: ExpectedRevision;
  readonly events: readonly NewEvent[];
  readonly bytes: number;
  readonly user?: string | undefined;
  /** Names this call in what it writes, however often it is sent. */
  readonly call: string;
  /** Whether it ever left: then nobody knows what has become of it without an answer. */
  sent: boolean;
}

/**
 * Makes of the server's answers what the port promises. What goes over the wire is always an exact revision: with that
 * the server recognises a repetition in the log itself, and with "any" only in a small memory that a restart empties.
 */
export class AppendJudge {
  constructor(
    private readonly connection: Connection,
    private readonly reads: StreamReads,
    private readonly ids: StandingIds,
  ) {}

  async judge(append: Append, answerMs: number): Promise<AppendOutcome> {
    const { stream, expected, events } = append;
    let standing = await this.ids.upTo(stream, upTo(expected));
    for (let refusals = 0; refusals < limits.appendRefusalsMax; refusals++) {
      const place = standing.placeOf(events);
      if (place.is === 'in part') return this.conflict(stream);
      if (place.is === 'absent' && refusals > 0 && expected !== 'any') return conflictAt(standing);
      const before = place.is === 'there' ? place.before : expectedOf(expected, standing);
      const position = await this.send(append, before, answerMs);
      if (position !== undefined) return this.verdict(append, before, position);
      standing = await this.ids.upTo(stream, 'end');
    }
    throw new RetryableError(`append to ${stream}: others keep writing to it`);
  }

  /** The position of its last event; nothing when the stream stands elsewhere. */
  private async send(append: Append, before: number, answerMs: number): Promise<ServerPosition | undefined> {
    const { stream, events, call } = append;
    append.sent = true;
    try {
      const { position } = await this.connection.call(answerMs, (client) =>
        client.appendToStream(
          stream,
          events.map((event) => toServer(event, call)),
          {
            expectedRevision: before < 0 ? NO_STREAM : BigInt(before),
            deadline: answerMs,
            requiresLeader: true,
          },
        ),
      );
      if (position === undefined) throw new TerminalError(`append to ${stream}: the server returned no position`);
      return position;
    } catch (error) {
      if (error instanceof WrongExpectedVersionError) return undefined;
      throw this.refusal(stream, error);
    }
  }

  /**
   * The server answers a repetition as it answered the first time. Whose the events are that stand there is written in
   * them, and has to be known: another request may have come by the same ids and said something else.
   */
  private async verdict(append: Append, before: number, where: ServerPosition): Promise<AppendOutcome> {
    const { stream, events, call } = append;
    const standing = await this.reads.serverEvents(stream, 'forwards', before + 1, 1);
    const [first] = standing.events;
    this.ids.learn(stream, before, events);
    const outcome = first && appendOf(first) === call ? 'appended' : 'already-there';
    return { outcome, revision: before + events.length, position: positionOf(where, events.at(-1)?.id) };
  }

  private async conflict(stream: string): Promise<AppendOutcome> {
    return conflictAt(await this.ids.upTo(stream, 'end'));
  }

  private refusal(stream: string, error: unknown): unknown {
    if (error instanceof TerminalError) return error;
    if (isOutage(error)) return unavailable(this.connection.description, error);
    if (kindOf(error) === 'maximum-append-size-exceeded') {
      return new InvalidAppend('too-large', `append to ${stream}: larger than the server's MaxAppendSize`);
    }
    return new TerminalError(`append to ${stream}: refused by the server (${kindOf(error)})`);
  }
}

function upTo(expected: ExpectedRevision): number | 'end' {
  if (expected === 'any') return 'end';
  return expected === 'none' ? -1 : expected;
}

function expectedOf(expected: ExpectedRevision, standing: Standing): number {
  if (expected === 'any') return standing.end;
  return expected === 'none' ? -1 : expected;
}

const conflictAt = ({ end }: Standing): AppendOutcome => ({ outcome: 'conflict', revision: end < 0 ? 'none' : end });
