import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { EventStoreDbEventLog } from '../../src/adapters/eventstoredb/eventstoredb-event-log.js';
import { reachEventStoreDb } from '../../src/adapters/eventstoredb/reach-eventstoredb.js';
import { serverAddress } from '../../src/adapters/eventstoredb/server-address.js';
import { START } from '../../src/events/envelope.js';
import { limits } from '../../src/limits.js';
import { follow } from '../contracts/event-log/subscribe.js';
import { StandInCluster } from '../support/eventstore/cluster.js';
import { newDelta, newStream, wholeStream } from '../support/new-events.js';
import { until } from '../support/until.js';

/**
 * From the election of a new leader to the next answer. It takes less than 3 s on a machine with nothing else to do, and a call
 * that waits for the frozen leader takes its whole deadline.
 */
const BACK_WITHIN_MS = 8_000;

/** Two of the notices that a start writes while it waits, and a search of a cluster. */
const NOTICES_MS = 2 * limits.leaderWaitNoticeMs + limits.logReachMs;

let cluster: StandInCluster;
beforeEach(async () => {
  cluster = await StandInCluster.start();
});
afterEach(() => cluster.stop());

const APPENDS = 'append in a batch';
const calls = (nth: number, method: string) => cluster.node(nth).calls.get(method) ?? 0;

describe('the log in a cluster', () => {
  let log: EventStoreDbEventLog;
  beforeEach(() => {
    log = new EventStoreDbEventLog(serverAddress(cluster.url));
  });
  afterEach(() => log.close());

  it('is read and written at the leader, whichever node leads', async () => {
    cluster.elect(2);
    const stream = newStream();
    expect(await log.append(stream, 'none', [newDelta()])).toMatchObject({ outcome: 'appended' });
    expect(await wholeStream(log, stream)).toHaveLength(1);
    expect([0, 1, 2].map((nth) => calls(nth, APPENDS))).toEqual([0, 0, 1]);
  });

  it('answers soon after the election when a leader froze, and its subscribers go on', async () => {
    const [before, during, after] = [newDelta(), newDelta(), newDelta()];
    await log.append(newStream(), 'none', [before]);
    const subscriber = follow(log, START);
    await until(() => subscriber.ids().length === 1);

    cluster.freeze(0);
    const stream = newStream();
    const waiting = log.append(stream, 'none', [during]);
    const reading = log.head().catch((error) => error);
    // The other nodes still name the frozen one, and are asked what they know.
    const asked = calls(1, 'members');
    await until(() => calls(1, 'members') > asked + 1 && calls(2, 'members') > 0);
    expect([calls(1, APPENDS), calls(2, APPENDS)]).toEqual([0, 0]);

    cluster.elect(1);
    const electedAt = performance.now();
    expect(await log.append(newStream(), 'none', [after])).toMatchObject({ outcome: 'appended' });
    await until(() => subscriber.ids().includes(after.id));
    expect(performance.now() - electedAt).toBeLessThan(BACK_WITHIN_MS);
    expect(await waiting).toMatchObject({ outcome: expect.stringMatching(/^(appended|already-there)$/) });
    await reading;
    await subscriber.stop();
    expect(subscriber.ids().sort()).toEqual([before.id, during.id, after.id].sort());
    expect(await wholeStream(log, stream)).toHaveLength(1);
  });

  it('never takes a node for the leader that others name and that does not answer', async () => {
    cluster.freeze(0);
    const waiting = log.append(newStream(), 'none', [newDelta()]);
    await until(() => calls(1, 'members') > 2);
    cluster.elect(2);
    expect(await waiting).toMatchObject({ outcome: 'appended' });
    expect([calls(0, APPENDS), calls(1, APPENDS), calls(2, APPENDS)]).toEqual([0, 0, 1]);
  });
});

describe('a start on a cluster', () => {
  it('waits for a leader while one is elected, and says so', async () => {
    cluster.freeze(0);
    cluster.beginElection();
    const notices: string[] = [];
    const reached = reachEventStoreDb(cluster.url, { onNotice: (text) => notices.push(text) });
    await until(() => notices.length > 0);
    cluster.elect(1);
    const { log } = await reached;
    expect(await log.append(newStream(), 'none', [newDelta()])).toMatchObject({ outcome: 'appended' });
    expect(notices[0]).toMatch(
      /^Waiting for a leader of EventStoreDB at 127.0.0.1:\d+, .*: the nodes of the cluster know no leader; for up to \d+ s more$/,
    );
    await log.close();
  });

  it('goes on waiting when all nodes are away after one of them has answered', async () => {
    cluster.beginElection();
    const notices: string[] = [];
    const reached = reachEventStoreDb(cluster.url, { onNotice: (text) => notices.push(text) });
    await until(() => notices.length > 0);
    for (const nth of [0, 1, 2]) await cluster.node(nth).goAway();
    await until(() => notices.some((text) => text.includes('no node of the cluster was found')), NOTICES_MS);
    for (const nth of [0, 1, 2]) await cluster.node(nth).comeBack();
    cluster.elect(2);
    const { log } = await reached;
    expect(await log.append(newStream(), 'none', [newDelta()])).toMatchObject({ outcome: 'appended' });
    await log.close();
  });

  it('fails without a wait for a leader when no node has answered', async () => {
    for (const nth of [0, 1, 2]) await cluster.node(nth).goAway();
    const notices: string[] = [];
    const reached = reachEventStoreDb(cluster.url, { onNotice: (text) => notices.push(text) });
    await expect(reached).rejects.toThrow(/no node of the cluster was found$/);
    expect(notices).toEqual([]);
    for (const nth of [0, 1, 2]) await cluster.node(nth).comeBack();
  });
});
