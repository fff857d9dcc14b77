import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import { type CatchUpPage, CatchUps } from '../../../src/adapters/eventstoredb/shared-catch-up.js';
import { type Position, type RecordedEvent, START } from '../../../src/events/envelope.js';
import { limits } from '../../../src/limits.js';
import { newDelta } from '../../support/new-events.js';

const EVENTS_OF_A_PAGE = 1_000;
const PAGES = 40;

const positionOf = (nth: number) => `${nth}`.padStart(8, '0') as Position;
const delta = newDelta();
const eventAt = (nth: number): RecordedEvent => ({
  ...delta,
  ...{ id: `event ${nth}`, stream: 'generation-1', revision: nth, position: positionOf(nth) },
});

/** A log whose events have the positions 1, 2, 3 and so on. */
class Source {
  begun = 0;
  pagesRead = 0;
  failsAt: number | undefined;
  isStopped = false;

  from(after: Position) {
    const source = this;
    return async function* (stopped: AbortSignal): AsyncIterable<CatchUpPage> {
      source.begun += 1;
      stopped.addEventListener('abort', () => {
        source.isStopped = true;
      });
      const first = Number(after) / EVENTS_OF_A_PAGE;
      for (let page = first; page < PAGES; page++) {
        if (page === source.failsAt) throw new Error('away');
        source.pagesRead += 1;
        const events = Array.from({ length: EVENTS_OF_A_PAGE }, (_, nth) => eventAt(page * EVENTS_OF_A_PAGE + nth + 1));
        const position = positionOf((page + 1) * EVENTS_OF_A_PAGE);
        yield { events, position, reached: position };
      }
    };
  }
}

let source: Source;
let catchUps: CatchUps;
const ended = new AbortController().signal;
beforeEach(() => {
  source = new Source();
  catchUps = new CatchUps();
});
afterEach(() => {
  jest.useRealTimers();
});

const following = (filter = 'a', after: Position = START, signal = ended) =>
  catchUps.follow(after, filter, source.from(after), signal)[Symbol.asyncIterator]();

async function idsOf(pages: AsyncIterator<CatchUpPage>): Promise<string[]> {
  const ids: string[] = [];
  for (let page = await pages.next(); !page.done; page = await pages.next()) {
    ids.push(...page.value.events.map(({ id }) => id));
  }
  return ids;
}

/** Whether they are all ids from that of one event on. Comparing arrays of this length takes Jest seconds. */
const areAllFrom = (first: number, ids: readonly string[]): boolean =>
  ids.length === PAGES * EVENTS_OF_A_PAGE - first + 1 && ids.every((id, nth) => id === `event ${first + nth}`);

it('followers with one filter read each page once, and each gets all events', async () => {
  const read = await Promise.all([1, 2, 3].map(() => idsOf(following())));
  for (const ids of read) expect(areAllFrom(1, ids)).toBe(true);
  expect([source.begun, source.pagesRead]).toEqual([1, PAGES]);
});

it('followers with other filters read by themselves', async () => {
  await Promise.all([idsOf(following('a')), idsOf(following('b'))]);
  expect([source.begun, source.pagesRead]).toEqual([2, 2 * PAGES]);
});

it('a follower joins a reading that keeps what it needs, in the middle of a page too', async () => {
  const first = following();
  await first.next();
  await first.next();
  const second = following('a', positionOf(500));
  const [ids] = await Promise.all([idsOf(second), idsOf(first)]);
  expect(areAllFrom(501, ids)).toBe(true);
  expect([source.begun, source.pagesRead]).toEqual([1, PAGES]);
});

it('a follower begins a reading of its own when the others have gone on', async () => {
  const first = following();
  for (let page = 0; page < 30; page++) await first.next();
  expect(areAllFrom(1, await idsOf(following()))).toBe(true);
  expect(source.begun).toBe(2);
});

it('a follower learns how far the server has looked where it let nothing through', async () => {
  const end = positionOf(9);
  async function* looking(): AsyncIterable<CatchUpPage> {
    for (const reached of [3, 6].map(positionOf)) yield { events: [], position: START, reached };
    yield { events: [], position: end, reached: end };
  }
  const reached: Position[] = [];
  for await (const reading of catchUps.follow(START, 'a', looking, ended)) reached.push(reading.reached);
  expect(reached).toEqual([positionOf(3), positionOf(6), end]);
});

it('a follower waits for one that is slower, and both get all events', async () => {
  const [quick, slow] = [following(), following()];
  await slow.next();
  let isQuickDone = false;
  const all = idsOf(quick).finally(() => {
    isQuickDone = true;
  });
  while (source.pagesRead * EVENTS_OF_A_PAGE <= limits.catchUpKeptEventsMax) await turn();
  for (let turns = 0; turns < 10; turns++) await turn();
  const read = source.pagesRead;
  expect([isQuickDone, read * EVENTS_OF_A_PAGE]).toEqual([false, limits.catchUpKeptEventsMax + 2 * EVENTS_OF_A_PAGE]);
  expect(areAllFrom(EVENTS_OF_A_PAGE + 1, await idsOf(slow))).toBe(true);
  expect(areAllFrom(1, await all)).toBe(true);
  expect(source.begun).toBe(1);
});

it('a follower that holds up the others for too long leaves where it is', async () => {
  jest.useFakeTimers({ doNotFake: ['setImmediate', 'nextTick', 'queueMicrotask'] });
  const [quick, slow] = [following(), following()];
  await slow.next();
  const all = idsOf(quick);
  while (source.pagesRead * EVENTS_OF_A_PAGE <= limits.catchUpKeptEventsMax) await turn();
  await jest.advanceTimersByTimeAsync(limits.catchUpPatienceMs);
  expect(areAllFrom(1, await all)).toBe(true);
  expect(await slow.next()).toMatchObject({ done: true });
});

it('an error reaches the follower that waits, and the next one begins again', async () => {
  source.failsAt = 2;
  const first = following();
  await first.next();
  await first.next();
  await expect(first.next()).rejects.toThrow('away');
  source.failsAt = undefined;
  expect(areAllFrom(1, await idsOf(following()))).toBe(true);
});

it('a reading ends with its last follower', async () => {
  const leaving = new AbortController();
  const [first, second] = [following('a', START, leaving.signal), following()];
  await Promise.all([first.next(), second.next()]);
  leaving.abort();
  expect(await first.next()).toMatchObject({ done: true });
  expect(source.isStopped).toBe(false);
  await second.return?.();
  expect(source.isStopped).toBe(true);
});

const turn = () => new Promise((resolve) => setImmediate(resolve));
