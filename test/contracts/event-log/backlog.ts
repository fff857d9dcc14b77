import { beforeAll, expect, it } from '@jest/globals';
import { type NewEvent, type Position, START } from '../../../src/events/envelope.js';
import type { EventLog } from '../../../src/ports/event-log.js';
import { newDelta, newDeltas, newStream } from '../../support/new-events.js';
import type { EngineTraits, OpenLog } from '../event-log.contract.js';

const OLDEST = '2026-02-03T04:05:06.700Z';

export function backlogContract(open: OpenLog, { countsBacklogs }: EngineTraits): void {
  let log: EventLog;
  beforeAll(async () => {
    log = await open();
  });
  const counted = (events: number) => (countsBacklogs ? events : null);

  it('is empty at the end of the log, and nothing of it is estimated', async () => {
    await log.append(newStream(), 'none', [newDelta()]);
    const none = { events: counted(0), distance: 0, oldestAt: undefined, estimated: false };
    expect(await log.backlog(await log.head(), 10)).toEqual(none);
  });

  it('has the age of its oldest event, and a distance that each later event makes longer', async () => {
    const after = await log.head();
    await log.append(newStream('conversation'), 'none', [{ ...newDelta(), at: OLDEST }]);
    const one = await log.backlog(after, 10);
    expect(one).toEqual({
      events: counted(1),
      distance: expect.any(Number),
      oldestAt: OLDEST,
      estimated: !countsBacklogs,
    });
    await log.append(newStream(), 'none', newDeltas(4));
    const five = await log.backlog(after, 10);
    expect(five).toMatchObject({ events: counted(5), oldestAt: OLDEST });
    expect(one.distance).toBeGreaterThan(0);
    expect(five.distance).toBeGreaterThan(one.distance);
    expect((await log.backlog(START, 10)).distance).toBeGreaterThan(five.distance);
  });

  it('shrinks to 0 as its reader advances', async () => {
    const from = await log.head();
    for (const event of newDeltas(3)) await log.append(newStream(), 'none', [event]);
    let last = Number.POSITIVE_INFINITY;
    for await (const { events } of log.readAll(from)) {
      for (const { position } of events) {
        const { distance } = await log.backlog(position as Position, 10);
        expect(distance).toBeLessThan(last);
        last = distance;
      }
    }
    expect(last).toBe(0);
  });

  it('says that it is an estimate when it is longer than the count may be', async () => {
    const after = await log.head();
    await log.append(newStream(), 'none', newDeltas(5));
    expect(await log.backlog(after, 3)).toMatchObject({ events: counted(3), estimated: true });
  });

  if (countsBacklogs) {
    it('counts exactly what a filter lets through', async () => {
      const after = await log.head();
      const [first, unknown, last] = newDeltas(3) as [NewEvent, NewEvent, NewEvent];
      await log.append(newStream(), 'none', [first, { ...unknown, type: 'OfANewerVersion' }, last]);
      await log.append(newStream('tenant'), 'none', [{ ...newDelta(), type: 'OfANewerVersion', at: OLDEST }]);
      const withoutTypes = ['DeltaReceived'];
      const of = (filter: object) => log.backlog(after, 10, filter);
      expect(await of({ categories: ['generation'] })).toMatchObject({ events: 3, estimated: false });
      expect(await of({ categories: ['generation'], withoutTypes })).toMatchObject({ events: 1 });
      expect(await of({ withoutTypes })).toMatchObject({ events: 2 });
      expect(await of({ categories: ['tenant'] })).toMatchObject({ events: 1, oldestAt: OLDEST });
      expect(await of({ categories: ['nothing'] })).toMatchObject({ events: 0, oldestAt: undefined });
    });

    it('reads no more events than `countMax`, however few of them pass the filter', async () => {
      const after = await log.head();
      await log.append(newStream(), 'none', [{ ...newDelta(), at: OLDEST }, ...newDeltas(4)]);
      await log.append(newStream('tenant'), 'none', [newDelta()]);
      // Older than the event that waits, which the count did not come to.
      const expected = { events: 0, oldestAt: OLDEST, estimated: true };
      expect(await log.backlog(after, 3, { categories: ['tenant'] })).toMatchObject(expected);
    });
  }
}
