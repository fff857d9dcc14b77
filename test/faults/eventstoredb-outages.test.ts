import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { EventStoreDbEventLog } from '../../src/adapters/eventstoredb/eventstoredb-event-log.js';
import { serverAddress } from '../../src/adapters/eventstoredb/server-address.js';
import { START } from '../../src/events/envelope.js';
import { limits } from '../../src/limits.js';
import { LogUnavailable } from '../../src/ports/errors.js';
import type { LivePage } from '../../src/ports/event-log.js';
import { follow } from '../contracts/event-log/subscribe.js';
import { type StandIn, startStandIn } from '../support/eventstore/stand-in.js';
import { appendAtEnd, newDelta, newDeltas, newStream, wholeStream } from '../support/new-events.js';
import { until } from '../support/until.js';

let standIn: StandIn;
let log: EventStoreDbEventLog;
const unhandled: unknown[] = [];
const note = (reason: unknown) => unhandled.push(reason);

beforeEach(async () => {
  process.on('unhandledRejection', note);
  standIn = await startStandIn();
  log = new EventStoreDbEventLog(serverAddress(standIn.url));
});
afterEach(async () => {
  standIn.faults.releaseAnswers();
  await log.close();
  await standIn.stop();
  process.off('unhandledRejection', note);
  expect(unhandled.splice(0)).toEqual([]);
});

const written = (id: string) => standIn.events.filter((event) => event.id === id).length;

describe('an append', () => {
  it('is written once when the answer is lost with the connection', async () => {
    const stream = newStream();
    const events = newDeltas(3);
    standIn.faults.losesAnswers = 2;
    expect(await log.append(stream, 'none', events)).toMatchObject({ outcome: 'appended', revision: 2 });
    expect(events.map(({ id }) => written(id))).toEqual([1, 1, 1]);
    expect(await log.append(stream, 2, [newDelta()])).toMatchObject({ outcome: 'appended', revision: 3 });
  });

  it('is written once when the answer comes late, and the late answer has no effect', async () => {
    const stream = newStream();
    const event = newDelta();
    standIn.faults.holdAnswers();
    const answer = log.append(stream, 'none', [event]);
    await until(() => standIn.faults.heldAnswers === 2);
    standIn.faults.releaseAnswers();
    expect(await answer).toMatchObject({ outcome: 'appended', revision: 0 });
    expect(written(event.id)).toBe(1);
  });

  it('is unavailable when no answer comes, and the same call is then written once', async () => {
    const stream = newStream();
    const event = newDelta();
    standIn.faults.holdAnswers();
    expect(await log.append(stream, 'none', [event])).toEqual({ outcome: 'unavailable', maybeWritten: true });
    standIn.faults.releaseAnswers();
    expect(await log.append(stream, 'none', [event])).toMatchObject({ outcome: 'appended', revision: 0 });
    expect(written(event.id)).toBe(1);
  });

  it('is unavailable in time while the server is away, and later succeeds', async () => {
    const stream = newStream();
    const event = newDelta();
    await standIn.goAway();
    expect(await log.append(stream, 'none', [event])).toMatchObject({ outcome: 'unavailable' });
    await standIn.comeBack();
    // The first one may have been on its way when the server came back.
    await until(async () => (await log.append(stream, 'none', [event])).outcome === 'appended');
    expect(written(event.id)).toBe(1);
  });

  it('that fails touches no append to another stream', async () => {
    const [broken, ...others] = Array.from({ length: 21 }, () => newStream()) as [string, ...string[]];
    standIn.faults.broken.add(broken);
    const event = newDelta();
    const failing = log.append(broken, 'none', [event]);
    for (let revision = -1; revision < 9; revision++) {
      const outcomes = await Promise.all(
        others.map((stream) => log.append(stream, revision < 0 ? 'none' : revision, [newDelta()])),
      );
      expect(outcomes.filter(({ outcome }) => outcome !== 'appended')).toEqual([]);
    }
    standIn.faults.broken.delete(broken);
    // On a busy machine its time may be over by now.
    expect((await failing).outcome).toMatch(/^(appended|unavailable)$/);
    await until(async () => (await log.append(broken, 'none', [event])).outcome === 'appended');
    expect(written(event.id)).toBe(1);
  });

  it('goes to the leader that another node names, and so do those after it', async () => {
    const leader = await startStandIn();
    try {
      Object.assign(standIn.faults.notLeader, { append: 1, leaderPort: leader.port });
      const stream = newStream();
      const events = newDeltas(2);
      expect(await log.append(stream, 'none', events)).toMatchObject({ outcome: 'appended', revision: 1 });
      expect(await log.append(stream, 1, [newDelta()])).toMatchObject({ outcome: 'appended', revision: 2 });
      expect(standIn.events).toEqual([]);
      expect(leader.events.slice(0, 2).map(({ id }) => id)).toEqual(events.map(({ id }) => id));
      await log.close();
    } finally {
      await leader.stop();
    }
  });

  it('shares one call with all others, and always expects an exact revision', async () => {
    const stream = newStream();
    await appendAtEnd(log, stream, [newDelta()]);
    await appendAtEnd(log, stream, [newDelta()]);
    await Promise.all(Array.from({ length: 10 }, () => appendAtEnd(log, stream, [newDelta()])));
    expect(await wholeStream(log, stream)).toHaveLength(12);
    expect([...standIn.calls.keys()].sort()).toEqual(['append in a batch', 'batchAppend', 'read']);
    expect(standIn.calls.get('batchAppend')).toBe(1);
  });

  it('gets its own answer when answers come in another order', async () => {
    standIn.faults.holdAnswers();
    const appends = Array.from({ length: 20 }, (_, nth) => ({ stream: newStream(), events: newDeltas(nth + 1) }));
    const answers = appends.map(({ stream, events }) => log.append(stream, 'none', events));
    await until(() => standIn.faults.heldAnswers === 20);
    standIn.faults.releaseAnswers('backwards');
    expect(await Promise.all(answers)).toEqual(
      appends.map(({ events }, nth) => ({
        outcome: 'appended',
        revision: nth,
        position: expect.stringContaining(events[nth]?.id ?? ''),
      })),
    );
    expect(standIn.calls.get('batchAppend')).toBe(1);
  });

  it('is written once, and answered, when the call ends in the middle of the answers', async () => {
    const appends = Array.from({ length: 50 }, () => ({ stream: newStream(), event: newDelta() }));
    for (const batchEndsAfter of [1, 20, 3]) {
      standIn.faults.batchEndsAfter = batchEndsAfter;
      const answers = await Promise.all(appends.map(({ stream, event }) => log.append(stream, 'none', [event])));
      expect(answers.filter(({ outcome }) => outcome !== 'appended')).toEqual([]);
    }
    expect(appends.map(({ event }) => written(event.id))).toEqual(appends.map(() => 1));
  });

  it('without an answer is sent again, and the others on its call are answered', async () => {
    standIn.faults.unanswered = 1;
    const silent = { stream: newStream(), event: newDelta() };
    const others = Array.from({ length: 5 }, () => ({ stream: newStream(), event: newDelta() }));
    const waiting = log.append(silent.stream, 'none', [silent.event]);
    await until(() => written(silent.event.id) === 1);
    for (const { stream, event } of others) {
      expect(await log.append(stream, 'none', [event])).toMatchObject({ outcome: 'appended' });
    }
    expect(standIn.calls.get('batchAppend')).toBe(1);
    expect(await waiting).toMatchObject({ outcome: 'appended', revision: 0 });
    expect(written(silent.event.id)).toBe(1);
  });

  it('says that it may be written when its call ends and the server stays away', async () => {
    standIn.faults.holdAnswers();
    const event = newDelta();
    const answer = log.append(newStream(), 'none', [event]);
    await until(() => written(event.id) === 1);
    await standIn.goAway();
    expect(await answer).toEqual({ outcome: 'unavailable', maybeWritten: true });
  });
});

describe('on a server that does not know BatchAppend', () => {
  it('each append goes over its own call', async () => {
    const old = await startStandIn({ takesBatches: false });
    const atOld = new EventStoreDbEventLog(serverAddress(old.url));
    try {
      const streams = Array.from({ length: 5 }, () => newStream());
      for (let revision = -1; revision < 2; revision++) {
        const expected = revision < 0 ? 'none' : revision;
        const answers = streams.map((stream) => atOld.append(stream, expected, [newDelta()]));
        for (const answer of await Promise.all(answers)) expect(answer).toMatchObject({ revision: revision + 1 });
      }
      expect([old.calls.get('append'), old.calls.get('batchAppend')]).toEqual([15, 1]);
    } finally {
      await atOld.close();
      await old.stop();
    }
  });
});

describe('asked of a node that is not the leader', () => {
  let leader: StandIn;
  let stream: string;
  let ids: string[];
  beforeEach(async () => {
    leader = await startStandIn();
    const atLeader = new EventStoreDbEventLog(serverAddress(leader.url));
    const events = newDeltas(3);
    [stream, ids] = [newStream(), events.map(({ id }) => id)];
    await atLeader.append(stream, 'none', events);
    await atLeader.close();
  });
  afterEach(async () => {
    await log.close();
    await leader.stop();
  });

  it('a read is answered by the leader that the node names', async () => {
    Object.assign(standIn.faults.notLeader, { read: 1, leaderPort: leader.port });
    expect((await wholeStream(log, stream)).map(({ id }) => id)).toEqual(ids);
    expect(await log.head()).not.toBe(START);
    expect(standIn.calls.get('read')).toBe(1);
  });

  it('a read ends with an error if no node is the leader', async () => {
    Object.assign(standIn.faults.notLeader, { read: 100, leaderPort: standIn.port });
    await expect(log.head()).rejects.toBeInstanceOf(LogUnavailable);
    expect(standIn.calls.get('read')).toBeLessThan(10);
  });

  it('a subscription goes on at the leader that the node names', async () => {
    Object.assign(standIn.faults.notLeader, { subscribe: 1, leaderPort: leader.port });
    const subscriber = follow(log, START);
    await until(() => subscriber.ids().length === 3);
    await subscriber.stop();
    expect(subscriber.ids()).toEqual(ids);
    expect(standIn.calls.get('subscribe')).toBe(1);
  });
});

describe('a subscription', () => {
  it('goes on where it was, however often its channel is dropped', async () => {
    const subscriber = follow(log, START);
    const ids: string[] = [];
    for (let round = 0; round < 12; round++) {
      const stream = newStream();
      const events = newDeltas(200);
      ids.push(...events.map(({ id }) => id));
      expect(await log.append(stream, 'none', events)).toMatchObject({ outcome: 'appended' });
      if (round % 2 === 0) standIn.appendSystemEvents(limits.checkpointWindowEvents);
      if (round > 0) await until(() => subscriber.ids().length > 200 * (round - 1));
      standIn.cutConnections();
    }
    await until(() => subscriber.ids().length >= ids.length && subscriber.pages.at(-1)?.live === true);
    await subscriber.stop();
    expect(subscriber.ids()).toEqual(ids);
    expectPositionsToFollow(subscriber.pages);
  });

  it('waits for a server that is away, and then goes on', async () => {
    const [before, after] = [newDelta(), newDelta()];
    await log.append(newStream(), 'none', [before]);
    const subscriber = follow(log, START);
    await until(() => subscriber.ids().length === 1);
    await standIn.goAway();
    await expect(log.head()).rejects.toBeInstanceOf(LogUnavailable);
    await standIn.comeBack();
    await until(async () => (await appendAtEnd(log, newStream(), [after])).outcome === 'appended');
    await until(() => subscriber.ids().length === 2);
    await subscriber.stop();
    expect(subscriber.ids()).toEqual([before.id, after.id]);
  });

  it('is not delayed by events of other programs, and never returns a position ahead of an event', async () => {
    const first = newDelta();
    await log.append(newStream(), 'none', [first]);
    standIn.appendSystemEvents(5 * limits.checkpointWindowEvents);
    await log.append(newStream(), 'none', newDeltas(3));
    const pages: LivePage[] = [];
    const end = new AbortController();
    for await (const page of log.subscribe(START, end.signal)) {
      pages.push(page);
      // Slower than the server: what it tells of checkpoints comes while earlier events still wait here.
      await sleep(1);
      if (page.live) end.abort();
    }
    expect(pages.flatMap(({ events }) => events)).toHaveLength(4);
    expect(pages.filter(({ events }) => events.length === 0).length).toBeGreaterThan(1);
    expectPositionsToFollow(pages);
  });
});

/** Nothing comes at or before a position that was told. */
function expectPositionsToFollow(pages: readonly LivePage[]): void {
  let told = '';
  for (const { events, position } of pages) {
    for (const event of events) {
      expect(event.position && event.position > told).toBe(true);
      expect(event.position && event.position <= position).toBe(true);
    }
    expect(position >= told).toBe(true);
    told = position;
  }
}
