import { randomUUID } from 'node:crypto';
import {
  BACKWARDS,
  binaryEvent,
  END,
  EventStoreDBClient,
  eventTypeFilter,
  NO_STREAM,
  START,
  streamNameFilter,
  WrongExpectedVersionError,
} from '@eventstore/db-client';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { halfAppend } from '../support/eventstore/half-append.js';
import { type StandIn, startStandIn } from '../support/eventstore/stand-in.js';
import { launch } from '../support/product.js';
import { programOf } from '../support/programs.js';
import { until } from '../support/until.js';

const credentials = { username: 'anybody', password: '' };
const newEvents = (count: number) =>
  Array.from({ length: count }, (_, nth) => binaryEvent({ type: 'Said', data: Buffer.from(`${nth}`), metadata: {} }));
const newStream = () => `conversation-${randomUUID()}`;

describe('the stand-in for EventStoreDB, asked by the real client', () => {
  let standIn: StandIn;
  let client: EventStoreDBClient;
  beforeAll(async () => {
    standIn = await startStandIn();
    client = new EventStoreDBClient({ endpoint: `127.0.0.1:${standIn.port}` }, { insecure: true });
  });
  afterAll(async () => {
    await client.dispose();
    await standIn.stop();
  });

  const append = (stream: string, events: ReturnType<typeof newEvents>, expectedRevision: bigint | typeof NO_STREAM) =>
    client.appendToStream(stream, events, { expectedRevision, credentials });

  it('appends at an exact revision, and returns the position of the last event', async () => {
    const stream = newStream();
    const first = await append(stream, newEvents(2), NO_STREAM);
    const second = await append(stream, newEvents(1), 1n);
    expect([first.nextExpectedRevision, second.nextExpectedRevision]).toEqual([1n, 2n]);
    expect(second.position?.commit).toBeGreaterThan(first.position?.commit as bigint);
  });

  it('answers a repeated append with its first answer, also when the stream has moved on', async () => {
    const stream = newStream();
    const events = newEvents(2);
    const first = await append(stream, events, NO_STREAM);
    await append(stream, newEvents(1), 1n);
    expect(await append(stream, events, NO_STREAM)).toEqual(first);
  });

  it('refuses a wrong revision, and what is there only in part', async () => {
    const stream = newStream();
    const events = newEvents(2);
    await append(stream, events, NO_STREAM);
    await expect(append(stream, newEvents(1), 7n)).rejects.toMatchObject({ actualVersion: 1n });
    await expect(append(stream, [...events, ...newEvents(1)], NO_STREAM)).rejects.toThrow(WrongExpectedVersionError);
    await expect(append(newStream(), newEvents(1), 0n)).rejects.toMatchObject({ actualVersion: 'no_stream' });
  });

  it('compares an id only at its own revision: elsewhere it writes the event again', async () => {
    const stream = newStream();
    const events = newEvents(1);
    await append(stream, events, NO_STREAM);
    expect(await append(stream, events, 0n)).toMatchObject({ nextExpectedRevision: 1n });
  });

  /** Without credentials of its own, the client sends an append over the call that it shares among all streams. */
  const batched = (stream: string, events: ReturnType<typeof newEvents>, expectedRevision: bigint | typeof NO_STREAM) =>
    client.appendToStream(stream, events, { expectedRevision });

  it('answers many appends over one call as it answers each over its own', async () => {
    const stream = newStream();
    const events = newEvents(2);
    const before = standIn.calls.get('batchAppend') ?? 0;
    const first = await batched(stream, events, NO_STREAM);
    expect(first).toMatchObject({ success: true, nextExpectedRevision: 1n });
    const others = Array.from({ length: 20 }, () => batched(newStream(), newEvents(1), NO_STREAM));
    expect((await Promise.all(others)).map(({ nextExpectedRevision }) => nextExpectedRevision)).toEqual(
      others.map(() => 0n),
    );
    expect(await append(stream, events, NO_STREAM)).toEqual(first);
    expect(await batched(stream, events, NO_STREAM)).toEqual(first);
    await expect(batched(stream, newEvents(1), 7n)).rejects.toMatchObject({ actualVersion: 1n });
    await expect(batched(stream, [...events, ...newEvents(1)], NO_STREAM)).rejects.toMatchObject({
      actualVersion: 1n,
    });
    await expect(batched(newStream(), newEvents(1), 0n)).rejects.toMatchObject({ actualVersion: 'no_stream' });
    const large = binaryEvent({ type: 'Said', data: Buffer.alloc(1024 * 1024), metadata: {} });
    await expect(batched(newStream(), [large], NO_STREAM)).rejects.toMatchObject({ maxAppendSize: 1024 * 1024 });
    expect(await batched(stream, newEvents(1), 1n)).toMatchObject({ nextExpectedRevision: 2n });
    expect((standIn.calls.get('batchAppend') ?? 0) - before).toBe(1);
  });

  it('answers appends of one call in the order in which they are done', async () => {
    standIn.faults.holdAnswers();
    const answered: number[] = [];
    const appends = [0, 1, 2].map(async (nth) => {
      await batched(newStream(), newEvents(1), NO_STREAM);
      answered.push(nth);
    });
    await until(() => standIn.faults.heldAnswers === 3);
    standIn.faults.releaseAnswers('backwards');
    await Promise.all(appends);
    expect(answered).toEqual([2, 1, 0]);
  });

  it('does not write an append of a batch whose deadline is over', async () => {
    const stream = newStream();
    const late = client.appendToStream(stream, newEvents(1), { expectedRevision: NO_STREAM, deadline: -1 });
    await expect(late).rejects.toMatchObject({ type: 'deadline-exceeded' });
    expect(standIn.events.some((event) => event.stream === stream)).toBe(false);
  });

  it('ends a batch for all its appends when it does not lead, and names the leader', async () => {
    Object.assign(standIn.faults.notLeader, { append: 1, leaderPort: standIn.port });
    const refused = batched(newStream(), newEvents(1), NO_STREAM);
    await expect(refused).rejects.toMatchObject({
      type: 'not-leader',
      leader: { address: '127.0.0.1', port: standIn.port },
    });
    expect(await batched(newStream(), newEvents(1), NO_STREAM)).toMatchObject({ success: true });
  });

  it('filters by type for a subscriber, and sends it checkpoints', async () => {
    const { position } = await append(newStream(), newEvents(1), NO_STREAM);
    const wanted = newStream();
    await append(newStream(), newEvents(40), NO_STREAM);
    await append(wanted, [binaryEvent({ type: 'Asked', data: Buffer.from('?'), metadata: {} })], NO_STREAM);
    await append(newStream(), newEvents(5), NO_STREAM);
    const seen: string[] = [];
    const filter = eventTypeFilter({
      regex: '^(?!(?:Said)$)[^$]',
      maxSearchWindow: 8,
      checkpointReached: (_, { commit }) => void seen.push(`checkpoint ${commit}`),
    });
    const subscription = client.subscribeToAll({ fromPosition: position ?? START, filter });
    subscription.on('data', ({ event }) => seen.push(`${event?.streamId}`));
    await until(() => seen.includes(wanted) && seen.length > 5);
    await subscription.unsubscribe();
    expect(seen.filter((each) => !each.startsWith('checkpoint'))).toEqual([wanted]);
    expect(seen.slice(0, 4).every((each) => each.startsWith('checkpoint'))).toBe(true);
  });

  it('writes nothing of an append whose client dies before it has sent all of it', async () => {
    const dying = Array.from({ length: 20 }, newStream);
    await Promise.all(dying.map((stream) => halfAppend(standIn.port, stream)));
    expect(standIn.events.filter(({ stream }) => dying.includes(stream))).toEqual([]);
  });

  it('refuses more than a MiB', async () => {
    const large = binaryEvent({ type: 'Said', data: Buffer.alloc(1024 * 1024), metadata: {} });
    await expect(append(newStream(), [large], NO_STREAM)).rejects.toMatchObject({ maxAppendSize: 1024 * 1024 });
  });

  it('reads a stream both ways, without positions', async () => {
    const stream = newStream();
    await append(stream, newEvents(3), NO_STREAM);
    const forwards = await revisions(client.readStream(stream, { fromRevision: 1n }));
    const backwards = await revisions(client.readStream(stream, { direction: BACKWARDS, fromRevision: END }));
    expect([forwards, backwards]).toEqual([
      [1n, 2n],
      [2n, 1n, 0n],
    ]);
    for await (const { event } of client.readStream(stream)) expect(event?.position?.commit).toBe(2n ** 64n - 1n);
    await expect(revisions(client.readStream(newStream()))).rejects.toMatchObject({ type: 'stream-not-found' });
  });

  it('reads all streams from a position on, and backwards from before it', async () => {
    const stream = newStream();
    const { position } = await append(stream, newEvents(1), NO_STREAM);
    await append(stream, newEvents(1), 0n);
    const forwards = await revisions(client.readAll({ fromPosition: position ?? START }));
    const backwards = await revisions(client.readAll({ direction: BACKWARDS, fromPosition: END, maxCount: 2 }));
    expect([forwards, backwards]).toEqual([
      [0n, 1n],
      [1n, 0n],
    ]);
  });

  it('keeps a subscriber up to date, past what the filter leaves out', async () => {
    const { position } = await append(newStream(), newEvents(1), NO_STREAM);
    standIn.appendSystemEvents(10);
    const stream = newStream();
    await append(stream, newEvents(1), NO_STREAM);
    standIn.appendSystemEvents(1);
    const received: string[] = [];
    const filter = streamNameFilter({
      prefixes: ['conversation-'],
      maxSearchWindow: 4,
      checkpointReached: (_, { commit }) => void received.push(`checkpoint ${commit}`),
    });
    const subscription = client.subscribeToAll({ fromPosition: position ?? START, filter });
    subscription.on('data', ({ event }) => received.push(`${event?.streamId} ${event?.revision}`));
    subscription.on('caughtUp', () => received.push('caught up'));
    await until(() => received.includes('caught up'));
    await append(stream, newEvents(1), 0n);
    await until(() => received.includes(`${stream} 1`));
    await subscription.unsubscribe();
    const positions = standIn.events.map((event) => `checkpoint ${event.position}`);
    expect(received.filter((each) => !positions.includes(each))).toEqual([`${stream} 0`, 'caught up', `${stream} 1`]);
    expect(received.slice(0, 2).every((each) => positions.includes(each))).toBe(true);
  });

  it('can be away, and is back with all that it holds', async () => {
    const stream = newStream();
    await append(stream, newEvents(1), NO_STREAM);
    await standIn.goAway();
    await expect(append(stream, newEvents(1), 0n)).rejects.toMatchObject({ type: 'unavailable' });
    await standIn.comeBack();
    const again = new EventStoreDBClient(
      { endpoint: `127.0.0.1:${standIn.port}`, keepAliveInterval: 10_001 },
      { insecure: true },
    );
    expect(await revisions(again.readStream(stream))).toEqual([0n]);
    await again.dispose();
  });

  it('runs as a process of its own', async () => {
    const { child, output, ended } = launch([process.execPath, programOf('stand-in-process')], {});
    await until(() => output.out.includes('\n'));
    expect(output.out).toMatch(/^esdb:\/\/127\.0\.0\.1:\d+\?tls=false\n$/);
    child.kill();
    expect(await ended).toBe(0);
  });
});

async function revisions(events: AsyncIterable<{ event?: { revision: bigint } }>): Promise<(bigint | undefined)[]> {
  const found: (bigint | undefined)[] = [];
  for await (const { event } of events) found.push(event?.revision);
  return found;
}
