import { describe, expect, it } from '@jest/globals';
import { limits } from '../../../src/limits.js';
import {
  answersOf,
  append,
  appended,
  busyCommit,
  EXPIRY_CHECK_MS,
  endOfTurn,
  maybeWritten,
  neverWritten,
  outage,
  pass,
  sent,
  useFakeTime,
} from './held-writer.js';

const { first: firstPauseMs, most: longestPauseMs } = limits.reconnectBackoffMs;

useFakeTime();

describe('without an answer from the database', () => {
  it('the same appends are sent again, as a retry, before what came meanwhile', async () => {
    const { writer, commit, inFlight } = await busyCommit();
    const [a, b] = [append('a', 0), append('b', 0)];
    const answers = answersOf([inFlight, commit.submit(a)]);
    writer.last.fail(outage());
    await endOfTurn();
    void commit.submit(b);
    await pass(firstPauseMs - 1);
    expect(writer.batches).toHaveLength(1);
    await pass(2);
    expect(sent(writer).slice(1)).toEqual([[append('busy', 0), a, b]]);
    expect(answers).toEqual([]);
    writer.last.succeed();
    await endOfTurn();
    expect(answers).toEqual([append('busy', 0), a].map(appended));
  });

  it('waits longer each time, up to a bound, and starts over after an answer', async () => {
    const { writer, commit, inFlight } = await busyCommit();
    const pauseAfterFailure = async () => {
      const [tries, failedAt] = [writer.batches.length, Date.now()];
      writer.last.fail(outage());
      while (writer.batches.length === tries && Date.now() - failedAt < 2 * longestPauseMs) await pass(1);
      return Date.now() - failedAt;
    };
    const pauses: number[] = [];
    for (let failure = 0; failure < 8; failure++) pauses.push((await pauseAfterFailure()) - 1);
    expect(pauses).toEqual([20, 40, 80, 160, 320, 640, longestPauseMs, longestPauseMs]);
    writer.last.succeed();
    await inFlight;
    void commit.submit(append('a', 0));
    await endOfTurn();
    expect((await pauseAfterFailure()) - 1).toBe(firstPauseMs);
  });

  it('an append that was sent may be written: its caller gets this answer at its deadline, and only once', async () => {
    const { writer, commit, inFlight } = await busyCommit();
    const answers = answersOf([inFlight]);
    await pass(limits.appendDeadlineMs - 1);
    expect(answers).toEqual([]);
    await pass(1 + EXPIRY_CHECK_MS);
    expect(answers).toEqual([maybeWritten]);
    const next = commit.submit(append('busy', 1));
    await endOfTurn();
    expect(writer.batches).toHaveLength(1);
    writer.last.succeed();
    await endOfTurn();
    expect(answers).toEqual([maybeWritten]);
    writer.last.succeed();
    expect(await next).toEqual(appended(append('busy', 1)));
  });

  it('an append that waited in vain is not written, then or later', async () => {
    const { writer, commit } = await busyCommit();
    const waiting = [append('busy', 1), append('a', 0), append('a', 1)];
    const answers = answersOf(waiting.map((one) => commit.submit(one)));
    await pass(limits.appendDeadlineMs + EXPIRY_CHECK_MS);
    expect(answers).toEqual([neverWritten, neverWritten, neverWritten]);
    const later = [append('busy', 2), append('a', 2)];
    for (const one of later) void commit.submit(one);
    for (let batch = 0; batch < 5; batch++) {
      writer.last.succeed();
      await endOfTurn();
    }
    expect(new Set(sent(writer).flat())).toEqual(new Set([append('busy', 0), ...later]));
  });

  it('appends that expired do not hold back a later one of their stream', async () => {
    const { writer, commit } = await busyCommit();
    for (let nth = 1; nth <= 20; nth++) void commit.submit(append('busy', nth));
    await pass(limits.appendDeadlineMs + EXPIRY_CHECK_MS);
    void commit.submit(append('other', 0));
    void commit.submit(append('busy', 21));
    writer.last.succeed();
    await endOfTurn();
    expect(new Set(writer.last.appends)).toEqual(new Set([append('other', 0), append('busy', 21)]));
  });

  it('an append that expired between two tries is not tried again', async () => {
    const { writer, inFlight } = await busyCommit();
    const answers = answersOf([inFlight]);
    await pass(limits.appendDeadlineMs - 5);
    writer.last.fail(outage());
    await pass(EXPIRY_CHECK_MS + longestPauseMs);
    expect(answers).toEqual([maybeWritten]);
    expect(writer.batches).toHaveLength(1);
  });
});
