import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { type Position, type RecordedEvent, START } from '../../../src/events/envelope.js';
import { LogWentBack } from '../../../src/ports/continuity.js';
import type { EventLog } from '../../../src/ports/event-log.js';
import { newDelta, newDeltas, newStream } from '../../support/new-events.js';
import { until } from '../../support/until.js';
import type { LogStore } from '../event-log.contract.js';
import { follow } from './subscribe.js';

/** On stores of their own: a log that has gone back is of no use to the tests after it. */
export function continuityContract(createStore: () => Promise<LogStore>): void {
  let stores: LogStore[];
  let log: EventLog;
  let other: EventLog;
  beforeEach(async () => {
    stores = await Promise.all([createStore(), createStore()]);
    [log, other] = (await Promise.all(stores.map((store) => store.open()))) as [EventLog, EventLog];
  });
  afterEach(async () => {
    await Promise.all([log.close(), other.close()]);
    await Promise.all(stores.map((store) => store.destroy()));
  });

  it('holds the position of each of its events, of each page, and of its head', async () => {
    await log.append(newStream(), 'none', newDeltas(3));
    const outcome = await log.append(newStream(), 'none', newDeltas(2));
    const pages = await pagesOf(log);
    const positions = pages.flatMap(({ position, events }) => [position, ...events.map(positionIn)]);
    expect(positions).toHaveLength(5 + pages.length);
    const appended = 'position' in outcome ? [outcome.position] : [];
    for (const position of [START, await log.head(), ...appended, ...positions]) {
      expect(await log.holds(position)).toBe(true);
    }
    expect(log.continuity.isBroken).toBe(false);
  });

  it('holds the position of a page whose last event the filter leaves out', async () => {
    await log.append(newStream('conversation'), 'none', [newDelta()]);
    await log.append(newStream('generation'), 'none', [newDelta()]);
    const [page] = await pagesOf(log, 'conversation');
    expect(page?.events).toHaveLength(1);
    const [whole] = await pagesOf(log);
    expect([whole?.events.at(-1)?.position, page?.events[0]?.position]).toContain(page?.position);
    expect(await log.holds(page?.position ?? START)).toBe(true);
  });

  it('does not hold a position beyond its end, nor one that another event has', async () => {
    await log.append(newStream(), 'none', [newDelta()]);
    await other.append(newStream(), 'none', [newDelta()]);
    const another = await other.head();
    await other.append(newStream(), 'none', newDeltas(5));
    expect(await log.holds(another)).toBe(false);
    expect(await log.holds(await other.head())).toBe(false);
    expect(log.continuity.isBroken).toBe(false);
  });

  it('does not hold a text that is no position of its engine', async () => {
    for (const text of ['x', '0-1', '7/', `${'9'.repeat(30)}`]) expect(await log.holds(text as Position)).toBe(false);
  });

  it('delivers nothing to a subscription from a position that it does not hold, and is broken', async () => {
    await other.append(newStream(), 'none', newDeltas(2));
    const elsewhere = await other.head();
    await log.append(newStream(), 'none', newDeltas(3));
    const subscriber = follow(log, elsewhere);
    expect(await log.continuity.broken).toBeInstanceOf(LogWentBack);
    await subscriber.stop();
    expect(subscriber.pages).toEqual([]);
  });

  it('accepts no append once it is broken, and is whole after it is opened again', async () => {
    log.continuity.breakOff('the test says so');
    const refused = await log.append(newStream(), 'none', [newDelta()]);
    expect(refused).toEqual({ outcome: 'unavailable', maybeWritten: false });
    const anew = await (stores[0] as LogStore).open();
    if (anew === log) return;
    expect((await anew.append(newStream(), 'none', [newDelta()])).outcome).toBe('appended');
    await anew.close();
  });

  it('lets a subscription that waits end when it is aborted, broken or not', async () => {
    const subscriber = follow(log, await log.head());
    await until(() => subscriber.pages.length > 0);
    log.continuity.breakOff('the test says so');
    await subscriber.stop();
  });
}

const positionIn = ({ position }: RecordedEvent): Position => position as Position;

async function pagesOf(log: EventLog, ...categories: string[]) {
  const pages = [];
  for await (const page of log.readAll(START, categories.length > 0 ? { categories } : {})) pages.push(page);
  return pages;
}
