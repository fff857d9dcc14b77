import { EventEmitter } from 'node:events';
import { NotLeaderError } from '@eventstore/db-client';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import streams from '@eventstore/db-client/generated/streams_pb.js';
import { Metadata, status } from '@grpc/grpc-js';
import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import { AppendBatch, BatchesUnsupported } from '../../../src/adapters/eventstoredb/append-batch.js';
import type { QueuedAppend } from '../../../src/adapters/eventstoredb/append-queue.js';
import type { Held } from '../../../src/adapters/eventstoredb/connection.js';
import { NoAnswer } from '../../../src/adapters/eventstoredb/outage.js';
import { limits } from '../../../src/limits.js';
import { newDelta } from '../../support/new-events.js';

const ANSWER_MS = 5_000;

/** A call whose server is the test. */
class PlayedCall extends EventEmitter {
  readonly requests: streams.BatchAppendReq[] = [];
  isCancelled = false;

  write(request: streams.BatchAppendReq): void {
    this.requests.push(request);
  }

  cancel(): void {
    this.isCancelled = true;
  }

  /** Says that the nth append ends at a position. */
  answer(nth: number, position: number, id = this.requests[nth]?.getCorrelationId()): void {
    const where = new shared.AllStreamPosition().setCommitPosition(`${position}`).setPreparePosition(`${position}`);
    const success = new streams.BatchAppendResp.Success().setPosition(where);
    this.emit('data', new streams.BatchAppendResp().setCorrelationId(id).setSuccess(success));
  }

  end(code: status, trailers: Record<string, string> = {}): void {
    const metadata = new Metadata();
    for (const [name, value] of Object.entries(trailers)) metadata.set(name, value);
    this.emit('error', Object.assign(new Error('it ends'), { code, details: 'it ends', metadata }));
  }
}

let call: PlayedCall;
let open: () => void;
let left: AbortController;
let replaced: AbortController;
let told: { failures: unknown[]; doubts: number; releases: number };
let batch: AppendBatch;

beforeEach(() => {
  jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] });
  call = new PlayedCall();
  left = new AbortController();
  replaced = new AbortController();
  told = { failures: [], doubts: 0, releases: 0 };
  const opening = new Promise<unknown>((resolve) => {
    open = () => resolve(call);
  });
  batch = new AppendBatch({
    client: { openBatch: () => opening },
    ...{ left: left.signal, replaced: replaced.signal },
    failed: (error: unknown) => void told.failures.push(error),
    doubt: () => told.doubts++,
    release: () => told.releases++,
  } as unknown as Held);
});
afterEach(() => {
  batch.close();
  jest.useRealTimers();
});

const turn = () => new Promise((resolve) => setImmediate(resolve));
const newAppend = (stream: string): QueuedAppend => ({
  ...{ stream, expected: 'none', bytes: 1, sent: true },
  events: [newDelta()],
});

async function opened(): Promise<void> {
  open();
  await turn();
}

async function writing(...names: string[]) {
  await opened();
  const answers = names.map((stream) => batch.write(newAppend(stream), ANSWER_MS));
  for (const answer of answers) answer.catch(() => {});
  return answers;
}

it('an append gets its own answer, in whichever order answers come', async () => {
  const [first, second] = await writing('a-1', 'a-2');
  call.answer(1, 20);
  call.answer(0, 10);
  expect([(await first)?.commit, (await second)?.commit]).toEqual([10n, 20n]);
});

it('an answer is found by an id that the server writes as two numbers', async () => {
  const [answer] = await writing('a-1');
  const digits = call.requests[0]?.getCorrelationId()?.getString().replaceAll('-', '') ?? '';
  const half = (from: number) => `${BigInt.asIntN(64, BigInt(`0x${digits.slice(from, from + 16)}`))}`;
  const numbers = new shared.UUID.Structured().setMostSignificantBits(half(0)).setLeastSignificantBits(half(16));
  call.answer(0, 10, new shared.UUID().setStructured(numbers));
  expect(await answer).toEqual({ commit: 10n, prepare: 10n });
});

it('an answer that comes twice, or to no append, changes nothing', async () => {
  const [answer, other] = await writing('a-1', 'a-2');
  call.answer(0, 10);
  call.answer(0, 99);
  call.answer(0, 99, new shared.UUID().setString('00000000-0000-4000-8000-000000000000'));
  call.answer(1, 20);
  expect([(await answer)?.commit, (await other)?.commit]).toEqual([10n, 20n]);
});

it.each([
  ['an outage', status.UNAVAILABLE, 'unavailable'],
  ['a cancellation', status.CANCELLED, 'cancelled'],
  ['a deadline', status.DEADLINE_EXCEEDED, 'deadline-exceeded'],
])('%s of the call rejects all that have no answer, and no other', async (_, code, type) => {
  const [answered, ...others] = await writing('a-1', 'a-2', 'a-3');
  call.answer(0, 10);
  call.end(code);
  for (const other of others) await expect(other).rejects.toMatchObject({ type });
  expect(await answered).toMatchObject({ commit: 10n });
  expect([batch.isTaking, told.failures.length, told.releases]).toEqual([false, 1, 1]);
});

it('an answer of a node that does not lead reaches the connection with the leader', async () => {
  const answers = await writing('a-1', 'a-2');
  const leader = { 'leader-endpoint-host': 'b', 'leader-endpoint-port': '2113' };
  call.end(status.NOT_FOUND, { exception: 'not-leader', ...leader });
  for (const answer of answers) await expect(answer).rejects.toBeInstanceOf(NotLeaderError);
  expect(told.failures).toMatchObject([{ leader: { address: 'b', port: 2113 } }]);
});

it('the end of the call by the server rejects what has no answer', async () => {
  const [answer] = await writing('a-1');
  call.emit('end');
  await expect(answer).rejects.toBeInstanceOf(NoAnswer);
});

it('a silent append is given up alone, and the connection learns of it', async () => {
  const [silent] = await writing('a-1');
  await jest.advanceTimersByTimeAsync(ANSWER_MS - 1);
  const [other] = await writing('a-2');
  await jest.advanceTimersByTimeAsync(1);
  await expect(silent).rejects.toBeInstanceOf(NoAnswer);
  expect(told.failures).toHaveLength(1);
  call.answer(1, 20);
  expect(await other).toMatchObject({ commit: 20n });
});

it('an append without an answer for a while makes the connection doubt its node, and an idle call does not', async () => {
  await opened();
  await jest.advanceTimersByTimeAsync(3 * limits.leaderDoubtMs);
  expect(told.doubts).toBe(0);
  const [silent] = await writing('a-1');
  await jest.advanceTimersByTimeAsync(2 * limits.leaderDoubtMs);
  expect(told.doubts).toBeGreaterThan(0);
  call.answer(0, 10);
  await silent;
});

it('another leader ends the call for all', async () => {
  const [answer] = await writing('a-1');
  replaced.abort();
  await expect(answer).rejects.toBeInstanceOf(NoAnswer);
  expect([call.isCancelled, told.releases]).toEqual([true, 1]);
});

it.each(['answered', 'given up'])(
  'a call of a connection that was left ends when its last append is %s',
  async (how) => {
    const [answer] = await writing('a-1');
    left.abort();
    expect([batch.isTaking, call.isCancelled]).toEqual([false, false]);
    if (how === 'answered') call.answer(0, 10);
    else await jest.advanceTimersByTimeAsync(ANSWER_MS);
    await answer?.catch(() => {});
    expect([call.isCancelled, told.releases]).toEqual([true, 1]);
  },
);

it('an idle call of a connection that was left ends at once', async () => {
  await opened();
  left.abort();
  expect([call.isCancelled, told.releases]).toEqual([true, 1]);
});

it('an append that was given up before the call was open is not sent', async () => {
  const late = batch.write(newAppend('a-1'), ANSWER_MS);
  late.catch(() => {});
  await jest.advanceTimersByTimeAsync(1);
  const waiting = batch.write(newAppend('a-2'), ANSWER_MS);
  await jest.advanceTimersByTimeAsync(ANSWER_MS - 1);
  await expect(late).rejects.toBeInstanceOf(NoAnswer);
  open();
  await turn();
  expect(call.requests).toHaveLength(1);
  call.answer(0, 10);
  expect(await waiting).toMatchObject({ commit: 10n });
});

it('a server without BatchAppend is no failure of its node, and the call is not made again', async () => {
  const [answer] = await writing('a-1');
  call.end(status.UNIMPLEMENTED);
  await expect(answer).rejects.toBeInstanceOf(BatchesUnsupported);
  await expect(batch.write(newAppend('a-2'), ANSWER_MS)).rejects.toBeInstanceOf(BatchesUnsupported);
  expect([batch.isTaking, told.failures]).toEqual([true, []]);
  left.abort();
  expect(batch.isTaking).toBe(false);
});
