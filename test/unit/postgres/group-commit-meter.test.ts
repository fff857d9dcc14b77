import { describe, expect, it } from '@jest/globals';
import { limits } from '../../../src/limits.js';
import { type Meter, noMeter } from '../../../src/ports/meter.js';
import { append, endOfTurn, HeldWriter, measuredGroupCommit, outage, pass, useFakeTime } from './held-writer.js';

class Heard implements Meter {
  readonly generationEnded = noMeter.generationEnded;
  readonly eventsRelayed = noMeter.eventsRelayed;
  readonly entriesRecorded = noMeter.entriesRecorded;
  readonly backgroundFailed = noMeter.backgroundFailed;
  readonly answeredAfterMs: number[] = [];
  readonly batches: number[] = [];

  appendAnswered(milliseconds: number): void {
    this.answeredAfterMs.push(milliseconds);
  }

  batchSent(events: number): void {
    this.batches.push(events);
  }
}

describe('what a group commit is measured by', () => {
  useFakeTime();

  it('is the events of each transaction, and the time of each append in the queue and in the database', async () => {
    const heard = new Heard();
    const writer = new HeldWriter();
    const commit = measuredGroupCommit(heard, writer);
    const first = commit.submit(append('a', 0, { events: 3 }));
    await endOfTurn();
    const others = [commit.submit(append('a', 3)), commit.submit(append('b', 0, { events: 2 }))];
    await pass(7);
    expect(heard.answeredAfterMs).toEqual([]);
    writer.last.succeed();
    await first;
    await pass(5);
    writer.last.succeed();
    await Promise.all(others);
    expect(heard.batches).toEqual([3, 3]);
    expect(heard.answeredAfterMs).toEqual([7, 12, 12]);
  });

  it('counts an append that is given up once, and each try of its batch', async () => {
    const heard = new Heard();
    const writer = new HeldWriter();
    const given = measuredGroupCommit(heard, writer).submit(append('a', 0));
    await endOfTurn();
    writer.last.fail(outage());
    await pass(limits.reconnectBackoffMs.first + 1);
    await pass(limits.appendDeadlineMs + 200);
    expect(await given).toMatchObject({ outcome: 'unavailable' });
    writer.last.succeed();
    await endOfTurn();
    expect(heard.batches).toEqual([1, 1]);
    expect(heard.answeredAfterMs).toHaveLength(1);
    expect(heard.answeredAfterMs[0]).toBeGreaterThanOrEqual(limits.appendDeadlineMs);
  });
});
