import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { EventStoreDbEventLog } from '../../src/adapters/eventstoredb/eventstoredb-event-log.js';
import { serverAddress } from '../../src/adapters/eventstoredb/server-address.js';
import { type NewEvent, type Position, START } from '../../src/events/envelope.js';
import { limits } from '../../src/limits.js';
import type { AllStreamsFilter, LivePage } from '../../src/ports/event-log.js';
import { passes } from '../../src/ports/log-rules.js';
import { projections } from '../../src/projections/all.js';
import { follow } from '../contracts/event-log/subscribe.js';
import { type StandIn, startStandIn } from '../support/eventstore/stand-in.js';
import { newDelta, newDeltas, newStream } from '../support/new-events.js';
import { until } from '../support/until.js';

const WITHOUT_DELTAS = { withoutTypes: ['DeltaReceived'] };
const CONVERSATIONS = { categories: ['conversation'] };

let standIn: StandIn;
let log: EventStoreDbEventLog;
beforeEach(async () => {
  standIn = await startStandIn();
  log = new EventStoreDbEventLog(serverAddress(standIn.url));
});
afterEach(async () => {
  await log.close();
  await standIn.stop();
});

const subscriptions = () => standIn.calls.get('subscribe') ?? 0;
const isLive = ({ pages }: { pages: readonly LivePage[] }) => pages.at(-1)?.live === true;
const ofAnotherType = (): NewEvent => ({ ...newDelta(), type: 'GenerationClaimed' });

async function appendDeltas(count: number): Promise<string[]> {
  const ids: string[] = [];
  while (ids.length < count) {
    const events = newDeltas(Math.min(limits.appendEventsMax, count - ids.length));
    await log.append(newStream(), 'none', events);
    ids.push(...events.map(({ id }) => id));
  }
  return ids;
}

describe('followers of a log on EventStoreDB', () => {
  it('share one subscription and receive each event once, while they are live', async () => {
    await appendDeltas(3);
    const followers = Array.from({ length: 5 }, () => follow(log, START));
    await until(() => followers.every(isLive));
    // Each is live before the subscription that they share has begun.
    const [joined] = await appendDeltas(1);
    await until(() => followers.every((follower) => follower.ids().at(-1) === joined));
    const before = { subscriptions: subscriptions(), sent: standIn.sentToSubscribers() };
    const ids = await appendDeltas(50);
    await until(() => followers.every((follower) => follower.ids().length === 54));
    expect(subscriptions()).toBe(before.subscriptions);
    expect(standIn.sentToSubscribers() - before.sent).toBe(50);
    for (const follower of followers) expect(follower.ids().slice(4)).toEqual(ids);
    await Promise.all(followers.map((follower) => follower.stop()));
  });

  it('that come later join them where they are', async () => {
    const position = await log.head();
    const first = follow(log, position);
    await until(() => isLive(first));
    const ids = await appendDeltas(100);
    await until(() => first.ids().length === 100);
    const second = follow(log, position);
    await until(() => isLive(second));
    expect(second.ids()).toEqual(ids);
    expect(subscriptions()).toBe(1);
    await Promise.all([first.stop(), second.stop()]);
  });

  it('become live while events are appended all the time', async () => {
    await appendDeltas(3_000);
    let isOver = false;
    const writing = (async () => {
      while (!isOver) await appendDeltas(1);
    })();
    const follower = follow(log, START, WITHOUT_DELTAS);
    await until(() => follower.pages.some(({ live }) => live));
    const live = subscriptions();
    const head = await log.head();
    await until(() => (follower.pages.at(-1)?.position ?? START) > head);
    expect(subscriptions()).toBe(live);
    isOver = true;
    await writing;
    await follower.stop();
  });

  it('go on, each with every event, after their connection was cut', async () => {
    const followers = Array.from({ length: 4 }, () => follow(log, START));
    await until(() => followers.every(isLive));
    const ids: string[] = [];
    for (let round = 0; round < 5; round++) {
      ids.push(...(await appendDeltas(100)));
      standIn.cutConnections();
    }
    await until(() => followers.every((follower) => follower.ids().length >= ids.length));
    await Promise.all(followers.map((follower) => follower.stop()));
    for (const follower of followers) expect(follower.ids()).toEqual(ids);
  });

  it('that are too slow leave, miss nothing, and hold up no other', async () => {
    const slow = new SlowFollower();
    const quick = follow(log, START);
    await until(() => isLive(quick));
    await slow.becomeLive();
    const ids = await appendDeltas(limits.mailboxEventsMax + 2_000);
    await until(() => quick.ids().length === ids.length);
    await slow.goOnUntil(ids.length);
    expect(slow.ids).toEqual(ids);
    expect(quick.ids()).toEqual(ids);
    await Promise.all([quick.stop(), slow.stop()]);
  });

  it('receive what they want and little else when they are far behind', async () => {
    await appendDeltas(4_000);
    const wanted = [ofAnotherType(), ofAnotherType()];
    await log.append(newStream(), 'none', wanted);
    const inConversation = newDelta();
    await log.append(newStream('conversation'), 'none', [inConversation]);
    await appendDeltas(4_000);
    const [byType, byCategory] = [follow(log, START, WITHOUT_DELTAS), follow(log, START, CONVERSATIONS)];
    await until(() => isLive(byType) && isLive(byCategory));
    expect(byType.ids()).toEqual(wanted.map(({ id }) => id));
    expect(byCategory.ids()).toEqual([inConversation.id]);
    expect(standIn.sentToSubscribers()).toBeLessThan(100);
    const head = await log.head();
    expect([byType, byCategory].map(({ pages }) => pages.at(-1)?.position)).toEqual([head, head]);
    await Promise.all([byType.stop(), byCategory.stop()]);
  });

  it('that build all read models receive less than one pass of the log together', async () => {
    const typed = (type: string): NewEvent => ({ ...newDelta(), type });
    for (let turn = 0; turn < 300; turn++) {
      const asked = ['MessageSent', 'GenerationRequested', 'PromptAssembled'].map(typed);
      await log.append(newStream('conversation'), 'none', [...asked, typed('GenerationEnded')]);
      const tape = [typed('GenerationClaimed'), ...newDeltas(5), typed('AttemptEnded')];
      await log.append(newStream('generation'), 'none', tape);
    }
    const before = standIn.sentToSubscribers();
    const readers = projections.map(({ filter }) => ({ filter, ...follow(log, START, filter) }));
    await until(() => readers.every(isLive));
    const sent = standIn.sentToSubscribers() - before;
    const wanted = (filter: AllStreamsFilter) =>
      standIn.events.filter(({ stream, metadata }) => passes({ stream, type: metadata.get('type') ?? '' }, filter));
    for (const { filter, ids } of readers) expect(ids()).toEqual(wanted(filter).map(({ id }) => id));
    expect(sent / standIn.events.length).toBeLessThan(1);
    await Promise.all(readers.map((reader) => reader.stop()));
  });

  it('go on where the server has come to when it is cut off far behind the end', async () => {
    await appendDeltas(8_000);
    const wanted = ofAnotherType();
    await log.append(newStream(), 'none', [wanted]);
    standIn.faults.subscriptionBreaksOffAfter = 6_000;
    const follower = follow(log, START, WITHOUT_DELTAS);
    await until(() => isLive(follower));
    expect(follower.ids()).toEqual([wanted.id]);
    expect(standIn.looked()).toBeLessThan(12_000);
    await follower.stop();
  });
});

describe('a read of all streams', () => {
  it('receives what it wants and little else, and ends at the end of the log', async () => {
    await appendDeltas(5_000);
    const wanted = ofAnotherType();
    await log.append(newStream(), 'none', [wanted]);
    await appendDeltas(5_000);
    const ids: string[] = [];
    let end: Position = START;
    for await (const { events, position } of log.readAll(START, WITHOUT_DELTAS)) {
      ids.push(...events.map(({ id }) => id));
      end = position;
    }
    expect([ids, end]).toEqual([[wanted.id], await log.head()]);
    expect(standIn.sentToSubscribers()).toBeLessThan(100);
  });
});

describe('on a server before 23.10', () => {
  it('a follower whose filter leaves out everything becomes live at the end of the log', async () => {
    const old = await startStandIn({ reportsCaughtUp: false });
    const atOld = new EventStoreDbEventLog(serverAddress(old.url));
    try {
      await atOld.append(newStream(), 'none', newDeltas(100));
      const follower = follow(atOld, START, WITHOUT_DELTAS);
      await until(() => isLive(follower));
      expect(follower.pages.at(-1)?.position).toBe(await atOld.head());
      await follower.stop();
    } finally {
      await atOld.close();
      await old.stop();
    }
  });
});

/** Takes a page when the test says so. */
class SlowFollower {
  readonly ids: string[] = [];
  private readonly end = new AbortController();
  private readonly pages = log.subscribe(START, this.end.signal)[Symbol.asyncIterator]();

  async becomeLive(): Promise<void> {
    while (!(await this.next())?.live);
  }

  async goOnUntil(events: number): Promise<void> {
    while (this.ids.length < events) await this.next();
  }

  async stop(): Promise<void> {
    this.end.abort();
    while (await this.next());
  }

  private async next(): Promise<LivePage | undefined> {
    const { value } = await this.pages.next();
    this.ids.push(...(value?.events ?? []).map(({ id }: { id: string }) => id));
    return value;
  }
}
