import { expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import type { Append } from '../../../src/adapters/event-log/queue-room.js';
import type { BatchWriter } from '../../../src/adapters/postgres/group-commit.js';
import { limits } from '../../../src/limits.js';
import type { AppendOutcome } from '../../../src/ports/event-log.js';
import { append, appended, endOfTurn, groupCommitWith, outage, pass, Refused, useFakeTime } from './held-writer.js';

useFakeTime();

/** What a database may do with a batch: commit it, lose it, or commit it and lose the answer; and how long it takes. */
const drawnAnswer = fc.record({
  does: fc.constantFrom('commit', 'commit', 'lose', 'commit and lose'),
  afterMs: fc.oneof(fc.nat(40), fc.constantFrom(0, limits.commitAnswerMs, limits.appendDeadlineMs + 500)),
});
type Answer = typeof drawnAnswer extends fc.Arbitrary<infer T> ? T : never;

/** Appends of one turn, by the stream that they are for; some are refused by the database whenever they come. */
const drawnTurn = fc.record({
  streams: fc.array(fc.record({ stream: fc.nat(3), poisoned: fc.nat(7).map((die) => die === 0) }), { maxLength: 6 }),
  thenMs: fc.oneof(fc.nat(30), fc.constant(3_000)),
});

/** What several writers share. It commits and forgets nothing, and does what was drawn until that is used up. */
class Database {
  readonly committed: Append[] = [];
  readonly onTheWay = new Set<string>();
  readonly twiceOnTheWay: string[] = [];

  constructor(
    private readonly poisoned: ReadonlySet<Append>,
    private readonly answers: Answer[],
  ) {}

  readonly writer: BatchWriter = {
    write: async (appends) => {
      for (const { stream } of appends) this.takes(stream);
      try {
        return await this.answer(appends);
      } finally {
        for (const { stream } of appends) this.onTheWay.delete(stream);
      }
    },
  };

  private takes(stream: string): void {
    if (this.onTheWay.has(stream)) this.twiceOnTheWay.push(stream);
    this.onTheWay.add(stream);
  }

  private async answer(appends: readonly Append[]): Promise<AppendOutcome[]> {
    const { does, afterMs } = this.answers.shift() ?? { does: 'commit', afterMs: 1 };
    await new Promise((resolve) => setTimeout(resolve, afterMs));
    if (does === 'lose') throw outage();
    if (appends.some((one) => this.poisoned.has(one))) throw new Error('refused');
    for (const one of appends) if (!this.committed.includes(one)) this.committed.push(one);
    if (does === 'commit and lose') throw outage();
    return appends.map(appended);
  }
}

/** Timers that an earlier test file of this process has left behind do not count. */
async function untilOver(work: Promise<void>): Promise<void> {
  let isOver = false;
  const noted = work.finally(() => {
    isOver = true;
  });
  for (let fired = 0; !isOver; fired++) {
    if (fired > 10_000) throw new Error('timers go on for ever');
    await jest.advanceTimersToNextTimerAsync();
  }
  await noted;
}

it('answers every append truly, and keeps the order of each stream, whatever the database does', async () => {
  const scenario = fc.record({
    writers: fc.integer({ min: 1, max: 3 }),
    turns: fc.array(drawnTurn, { minLength: 1, maxLength: 5 }),
    answers: fc.array(drawnAnswer, { maxLength: 10 }),
  });
  await fc.assert(
    fc.asyncProperty(scenario, async ({ writers, turns, answers }) => {
      const poisoned = new Set<Append>();
      const database = new Database(poisoned, [...answers]);
      const commit = groupCommitWith(...Array.from({ length: writers }, () => ({ ...database.writer })));
      const submitted: Append[] = [];
      const answered = new Map<Append, AppendOutcome | Error>();
      for (const { streams, thenMs } of turns) {
        for (const drawn of streams) {
          const one = append(`s${drawn.stream}`, submitted.length);
          submitted.push(one);
          if (drawn.poisoned) poisoned.add(one);
          const note = (answer: AppendOutcome | Error) => answered.set(one, answer);
          void commit.submit(one).then(note, note);
        }
        await pass(thenMs);
      }
      await untilOver(commit.close());
      await endOfTurn();

      expect(answered.size).toBe(submitted.length);
      for (const [one, answer] of answered) expectTrue(one, answer, database, poisoned);
      expect(database.twiceOnTheWay).toEqual([]);
      for (const stream of new Set(submitted.map((one) => one.stream))) {
        const ofStream = (appends: Append[]) => appends.filter((one) => one.stream === stream);
        const written = ofStream(database.committed);
        expect(written).toEqual(ofStream(submitted).filter((one) => written.includes(one)));
      }
    }),
    { numRuns: 100 },
  );
});

function expectTrue(one: Append, answer: AppendOutcome | Error, database: Database, poisoned: Set<Append>): void {
  const written = database.committed.includes(one);
  if (answer instanceof Error) {
    expect(answer).toMatchObject({ append: one });
    expect(answer).toBeInstanceOf(Refused);
    expect({ written, poisoned: poisoned.has(one) }).toEqual({ written: false, poisoned: true });
  } else if (answer.outcome === 'appended') {
    expect(answer).toEqual(appended(one));
    expect(written).toBe(true);
  } else {
    expect(answer.outcome).toBe('unavailable');
    if (written) expect(answer).toMatchObject({ maybeWritten: true });
  }
}
