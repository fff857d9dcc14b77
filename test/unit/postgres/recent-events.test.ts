import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { positionOf } from '../../../src/adapters/postgres/position.js';
import { RecentEvents } from '../../../src/adapters/postgres/recent-events.js';
import { limits } from '../../../src/limits.js';
import { newDeltas } from '../../support/new-events.js';

const at = (position: number) => positionOf(String(position));

/** An append of so many events, the last of which stands at a position. */
function noted(recent: RecentEvents, last: number, count = 1, stream = 'generation-1') {
  const events = newDeltas(count);
  const append = { stream, expected: 'any', events, bytes: 0 } as const;
  recent.note(append, { outcome: 'appended', revision: last, position: at(last) });
  return events.map(({ id }) => id);
}

const idsAfter = (recent: RecentEvents, position: number) => recent.after(at(position))?.events.map(({ id }) => id);

describe('the newest events of this process', () => {
  it('are told to whoever stands among them, with revision and position', () => {
    const recent = new RecentEvents();
    const [one, two] = noted(recent, 2, 2);
    const [three] = noted(recent, 3, 1, 'conversation-1');
    expect(idsAfter(recent, 0)).toEqual([one, two, three]);
    expect(recent.after(at(1))).toMatchObject({
      position: at(3),
      events: [
        { id: two, stream: 'generation-1', revision: 2, position: at(2) },
        { id: three, position: at(3) },
      ],
    });
  });

  it('leave out other categories, and still say how far they reach', () => {
    const recent = new RecentEvents();
    noted(recent, 1, 1, 'conversation-1');
    noted(recent, 2);
    expect(recent.after(at(0), { categories: ['tenant'] })).toEqual({ events: [], position: at(2) });
    expect(recent.after(at(0), { categories: ['conversation'] })?.events).toHaveLength(1);
  });

  it('say nothing to whoever stands before them, or has seen them all', () => {
    const recent = new RecentEvents();
    noted(recent, 7);
    expect(recent.after(at(5))).toBeUndefined();
    expect(recent.after(at(7))).toBeUndefined();
    expect(new RecentEvents().after(at(0))).toBeUndefined();
  });

  it('begin anew behind what somebody else has appended, and what comes late is not among them', () => {
    const recent = new RecentEvents();
    noted(recent, 1);
    const [third] = noted(recent, 3);
    noted(recent, 2);
    expect(recent.after(at(0))).toBeUndefined();
    expect(recent.after(at(1))).toBeUndefined();
    expect(idsAfter(recent, 2)).toEqual([third]);
  });

  it('are bounded, and lose the oldest first', () => {
    const recent = new RecentEvents();
    const count = limits.recentEventsMax * 3;
    for (let position = 1; position <= count; position++) noted(recent, position);
    expect(recent.after(at(0))).toBeUndefined();
    expect(idsAfter(recent, count - 10)).toHaveLength(10);
  });

  it('never tell less or other than what stands after a position, whoever else appends', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 1, max: 5 })), { maxLength: 30 }), (appends) => {
        const recent = new RecentEvents();
        const all: string[] = [];
        for (const [isOurs, count] of appends) {
          if (isOurs) all.push(...noted(recent, all.length + count, count));
          else all.push(...newDeltas(count).map(({ id }) => id));
          for (let position = 0; position <= all.length; position++) {
            const page = recent.after(at(position));
            const end = Number(page?.position ?? position);
            expect(page?.events.map(({ id }) => id) ?? []).toEqual(all.slice(position, end));
          }
        }
      }),
      { numRuns: 50 },
    );
  });
});
