import { describe, expect, it, jest } from '@jest/globals';
import type { Append } from '../../../src/adapters/event-log/queue-room.js';
import { limits } from '../../../src/limits.js';
import {
  answersOf,
  append,
  appended,
  busyCommit,
  EXPIRY_CHECK_MS,
  endOfTurn,
  groupCommitWith,
  HeldWriter,
  maybeWritten,
  neverWritten,
  outage,
  pass,
  Refused,
  sent,
  useFakeTime,
} from './held-writer.js';

const { first: firstPauseMs } = limits.reconnectBackoffMs;

useFakeTime();

describe('a batch', () => {
  it('takes all appends of one turn of the event loop, and answers each', async () => {
    const writer = new HeldWriter();
    const commit = groupCommitWith(writer);
    const appends = [append('a', 0), append('b', 5), append('c', 2, { events: 3 })];
    const answers = answersOf(appends.map((one) => commit.submit(one)));
    expect(writer.batches).toEqual([]);
    await endOfTurn();
    expect(sent(writer)).toEqual([appends]);
    expect(answers).toEqual([]);
    writer.last.succeed();
    await endOfTurn();
    expect(answers).toEqual(appends.map(appended));
  });

  it('leaves when the writer is free, with all that came meanwhile', async () => {
    const { writer, commit } = await busyCommit();
    const [a, b] = [append('a', 0), append('b', 0)];
    void commit.submit(a);
    await endOfTurn();
    void commit.submit(b);
    await pass(50);
    expect(writer.batches).toHaveLength(1);
    writer.last.succeed();
    await endOfTurn();
    expect(sent(writer).slice(1)).toEqual([[a, b]]);
  });

  it('leaves by a second writer while the first is busy', async () => {
    const writers = [new HeldWriter(), new HeldWriter()] as const;
    const commit = groupCommitWith(...writers);
    void commit.submit(append('a', 0));
    await endOfTurn();
    void commit.submit(append('b', 0));
    await endOfTurn();
    expect(writers.map(sent)).toEqual([[[append('b', 0)]], [[append('a', 0)]]]);
  });

  it('holds one append of a stream at most, and the next waits until it is answered', async () => {
    const writers = [new HeldWriter(), new HeldWriter()] as const;
    const commit = groupCommitWith(...writers);
    for (const one of [append('a', 0), append('a', 1), append('b', 0), append('a', 2)]) void commit.submit(one);
    await endOfTurn();
    expect(writers.map(sent)).toEqual([[], [[append('a', 0), append('b', 0)]]]);
    writers[1].last.succeed();
    await endOfTurn();
    expect(sent(writers[1])[1]).toEqual([append('a', 1)]);
    writers[1].last.succeed();
    await endOfTurn();
    expect(sent(writers[1])[2]).toEqual([append('a', 2)]);
    expect(writers[0].batches).toEqual([]);
  });

  it.each([
    ['events', { events: limits.appendEventsMax }, limits.commitBatchEventsMax / limits.appendEventsMax],
    ['bytes', { bytes: limits.appendBytesMax }, limits.commitBatchBytesMax / limits.appendBytesMax],
  ])('is bounded in %s', async (_, size, fitting) => {
    const writer = new HeldWriter();
    const commit = groupCommitWith(writer);
    const appends = Array.from({ length: fitting + 1 }, (_, nth) => append(`s${nth}`, 0, size));
    for (const one of appends) void commit.submit(one);
    await endOfTurn();
    writer.last.succeed();
    await endOfTurn();
    expect(sent(writer)).toEqual([appends.slice(0, fitting), appends.slice(fitting)]);
  });

  it('leaves with one append that is larger than a batch should be', async () => {
    const writer = new HeldWriter();
    const commit = groupCommitWith(writer);
    void commit.submit(append('a', 0, { bytes: limits.commitBatchBytesMax + 1 }));
    void commit.submit(append('b', 0));
    await endOfTurn();
    expect(sent(writer)[0]).toHaveLength(1);
  });
});

describe('the queue', () => {
  it.each([
    ['appends', { bytes: 1 }, limits.commitQueueAppendsMax],
    ['bytes', { bytes: limits.appendBytesMax }, limits.commitQueueBytesMax / limits.appendBytesMax],
  ])('is bounded in %s: beyond, an append fails at once and is forgotten', async (_, size, fitting) => {
    const { writer, commit, inFlight } = await busyCommit();
    writer.last.succeed();
    await inFlight;
    const taken = Array.from({ length: fitting }, (_, nth) =>
      commit.submit(append(`s${nth}`, 0, { ...size, tenant: `tenant-${nth % 2}` })),
    );
    expect(await commit.submit(append('late', 0, { bytes: 1 }))).toEqual(neverWritten);
    const answers = answersOf(taken);
    for (let batch = 0; batch <= fitting && answers.length < fitting; batch++) {
      await endOfTurn();
      writer.last.succeed();
    }
    await Promise.all(taken);
    expect(sent(writer).flat()).toHaveLength(1 + fitting);
    expect(sent(writer).flat()).not.toContainEqual(append('late', 0, { bytes: 1 }));

    void commit.submit(append('late', 1));
    await endOfTurn();
    expect(sent(writer).at(-1)).toEqual([append('late', 1)]);
  });

  it.each([
    ['appends', { bytes: 1 }, limits.commitQueueAppendsMax],
    ['bytes', { bytes: limits.appendBytesMax }, limits.commitQueueBytesMax / limits.appendBytesMax],
  ])('gives one user a quarter of its %s and one tenant half of them', async (_, size, most) => {
    const { writer, commit, inFlight } = await busyCommit();
    writer.last.succeed();
    await inFlight;
    const flood = (user: string) =>
      Array.from({ length: most / 4 }, (_, nth) =>
        commit.submit(append(`${user}-${nth}`, 0, { ...size, tenant: 'a', user })),
      );
    const by = (tenant: string, user: string) => commit.submit(append('late', 0, { bytes: 1, tenant, user }));
    const taken = flood('ada');
    expect(await by('a', 'ada')).toEqual(neverWritten);
    taken.push(...flood('bob'));
    expect(await by('a', 'cleo')).toEqual(neverWritten);
    taken.push(by('b', 'ada'));
    const answers = answersOf(taken);
    for (let batch = 0; batch <= taken.length && Object.keys(answers).length < taken.length; batch++) {
      await endOfTurn();
      writer.last.succeed();
    }
    expect(await Promise.all(taken)).not.toContainEqual(neverWritten);
    taken.push(by('a', 'ada'));
    await endOfTurn();
    writer.last.succeed();
    expect(await taken.at(-1)).toMatchObject({ outcome: 'appended' });
  });
});

describe('a batch that is refused', () => {
  async function refusedBatch() {
    const writer = new HeldWriter();
    const commit = groupCommitWith(writer);
    const appends = [append('a', 0), append('bad', 0), append('c', 0)];
    const answers = answersOf(appends.map((one) => commit.submit(one)));
    await endOfTurn();
    writer.last.fail(new Error('invalid input syntax'));
    await endOfTurn();
    return { writer, commit, appends, answers };
  }

  it('is sent one by one, so that only the culprit fails', async () => {
    const { writer, commit, appends, answers } = await refusedBatch();
    const reason = new Error('invalid input syntax, again');
    writer.last.succeed();
    await endOfTurn();
    writer.last.fail(reason);
    await endOfTurn();
    writer.last.succeed();
    await endOfTurn();
    const [a, bad, c] = appends as [Append, Append, Append];
    expect(sent(writer).slice(1)).toEqual([[a], [bad], [c]]);
    expect(answers).toEqual([appended(a), new Refused(bad, reason), appended(c)]);
    expect(answers[1]).toMatchObject({ append: bad, reason });

    void commit.submit(append('bad', 0));
    await endOfTurn();
    expect(sent(writer).at(-1)).toEqual([append('bad', 0)]);
  });

  it('is not sent one by one into an outage: each of them would wait for its own answer', async () => {
    const { writer, appends, answers } = await refusedBatch();
    writer.last.fail(outage());
    await endOfTurn();
    expect(writer.batches).toHaveLength(2);
    await pass(firstPauseMs + 1);
    expect(writer.last.appends[0]).toEqual(appends[0]);
    expect(answers).toEqual([]);
  });

  it('is not sent on when its callers have been answered meanwhile', async () => {
    const { writer, answers } = await refusedBatch();
    await pass(limits.appendDeadlineMs + EXPIRY_CHECK_MS);
    expect(answers).toEqual([maybeWritten, maybeWritten, maybeWritten]);
    writer.last.succeed();
    await endOfTurn();
    expect(writer.batches).toHaveLength(2);
  });
});

describe('closing', () => {
  it('waits for what was taken, and takes nothing more', async () => {
    const { writer, commit, inFlight } = await busyCommit();
    const behind = commit.submit(append('busy', 1));
    const [answers, closed] = [answersOf([inFlight, behind]), answersOf([commit.close()])];
    expect(await commit.submit(append('a', 0))).toEqual(neverWritten);
    writer.last.fail(outage());
    await pass(firstPauseMs + 1);
    writer.last.succeed();
    await endOfTurn();
    expect(closed).toEqual([]);
    writer.last.succeed();
    await endOfTurn();
    expect(closed).toHaveLength(1);
    expect(answers).toEqual([append('busy', 0), append('busy', 1)].map(appended));
    expect(sent(writer).flat()).not.toContainEqual(append('a', 0));
    expect(await commit.submit(append('a', 0))).toEqual(neverWritten);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('ends at the deadline of the last append when the database stays away, and leaves no timer', async () => {
    const { writer, commit } = await busyCommit();
    const closed = answersOf([commit.close()]);
    for (let waitedMs = 0; waitedMs <= limits.appendDeadlineMs; waitedMs += EXPIRY_CHECK_MS) {
      writer.last.fail(outage());
      await pass(EXPIRY_CHECK_MS);
    }
    expect(closed).toHaveLength(1);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('is done at once when nothing is under way', async () => {
    await groupCommitWith(new HeldWriter()).close();
    expect(jest.getTimerCount()).toBe(0);
  });

  it('may be asked for twice', async () => {
    const { writer, commit } = await busyCommit();
    const closed = answersOf([commit.close(), commit.close()]);
    writer.last.succeed();
    await endOfTurn();
    expect(closed).toHaveLength(2);
    expect(Object.keys(closed)).toEqual(['0', '1']);
  });
});
