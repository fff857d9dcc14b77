import { afterEach, beforeEach, jest } from '@jest/globals';
import type { Append } from '../../../src/adapters/event-log/queue-room.js';
import { type BatchWriter, GroupCommit } from '../../../src/adapters/postgres/group-commit.js';
import type { Position } from '../../../src/events/envelope.js';
import { RetryableError } from '../../../src/ports/errors.js';
import type { AppendOutcome } from '../../../src/ports/event-log.js';
import { type Meter, noMeter } from '../../../src/ports/meter.js';
import { newDelta } from '../../support/new-events.js';

export const neverWritten = { outcome: 'unavailable', maybeWritten: false };
export const maybeWritten = { outcome: 'unavailable', maybeWritten: true };
export const outage = () => new RetryableError('the database did not answer');

/** An expired append is noticed by a check that runs this often. */
export const EXPIRY_CHECK_MS = 100;

const event = newDelta();

/** The nth append of a stream: no two are equal. */
export function append(
  stream: string,
  nth: number,
  size: { events?: number; bytes?: number; tenant?: string; user?: string } = {},
): Append {
  const { events = 1, bytes = 100, tenant = event.tenant, user } = size;
  return { stream, expected: nth, events: Array.from({ length: events }, () => ({ ...event, tenant })), bytes, user };
}

export function appended({ expected, events }: Append): AppendOutcome {
  return { outcome: 'appended', revision: Number(expected) + events.length, position: '1' as Position };
}

interface HeldBatch {
  readonly appends: readonly Append[];
  readonly succeed: () => void;
  readonly fail: (error: Error) => void;
}

/** A database that answers when the test says so. */
export class HeldWriter implements BatchWriter {
  readonly batches: HeldBatch[] = [];

  write(appends: readonly Append[]): Promise<readonly AppendOutcome[]> {
    return new Promise((resolve, reject) => {
      this.batches.push({ appends, succeed: () => resolve(appends.map(appended)), fail: reject });
    });
  }

  get last(): HeldBatch {
    return this.batches.at(-1) as HeldBatch;
  }
}

export class Refused extends Error {
  constructor(
    readonly append: Append,
    readonly reason: unknown,
  ) {
    super('refused');
  }
}

/** Its clock and its timers are the test's: jest's fake timers have to be in use. */
export function groupCommitWith(...writers: BatchWriter[]): GroupCommit {
  return measuredGroupCommit(noMeter, ...writers);
}

export function measuredGroupCommit(meter: Meter, ...writers: BatchWriter[]): GroupCommit {
  const refusal = (refused: Append, error: unknown) => new Refused(refused, error);
  return new GroupCommit({ writers, refusal, now: () => Date.now(), meter });
}

/** What became of promises so far: a pending one has no entry. */
export function answersOf(promises: Promise<unknown>[]): unknown[] {
  const answers: unknown[] = [];
  promises.forEach((promise, index) => {
    const note = (answer: unknown) => {
      answers[index] = answer;
    };
    promise.then(note, note);
  });
  return answers;
}

/** A group commit whose only writer is busy with an append of the stream `busy`. */
export async function busyCommit() {
  const writer = new HeldWriter();
  const commit = groupCommitWith(writer);
  const inFlight = commit.submit(append('busy', 0));
  await endOfTurn();
  return { writer, commit, inFlight };
}

export const sent = (writer: HeldWriter): readonly Append[][] => writer.batches.map(({ appends }) => [...appends]);

/** Lets this turn of the event loop end, and whatever follows from it at once. */
export const endOfTurn = (): Promise<void> => pass(0);

export async function pass(milliseconds: number): Promise<void> {
  await jest.advanceTimersByTimeAsync(milliseconds);
}

/** Time passes only when a test lets it. */
export function useFakeTime(): void {
  beforeEach(() => {
    jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask'] });
  });
  afterEach(() => {
    jest.useRealTimers();
  });
}
