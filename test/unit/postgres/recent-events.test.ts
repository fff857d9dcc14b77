import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { bigintOf, positionOf } from '../../../src/adapters/postgres/position.js';
import { RecentEvents } from '../../../src/adapters/postgres/recent-events.js';
import type { NewEvent, RecordedEvent } from '../../../src/events/envelope.js';
import { limits } from '../../../src/limits.js';
import { newDeltas } from '../../support/new-events.js';

const at = (position: number, eventId?: string) => positionOf(String(position), eventId);

/** An append of so many events, the last of which stands at a position. */
function noted(recent: RecentEvents, last: number, count = 1, stream = 'generation-1') {
  return noteAll(recent, newDeltas(count), last, stream);
}

function noteAll(recent: RecentEvents, events: readonly NewEvent[], last: number, stream = 'generation-1') {
  const append = { stream, expected: 'none', events, bytes: 0 } as const;
  recent.note(append, { outcome: 'appended', revision: last, position: at(last) });
  return events.map(({ id }) => id);
}

/** What a read brings: an event at each position. */
function read(...positions: number[]): RecordedEvent[] {
  return newDeltas(positions.length).map((event, nth) => {
    const position = positions[nth] as number;
    return { ...event, stream: 'generation-1', revision: position, position: at(position) };
  });
}

const idsAfter = (recent: RecentEvents, position: number) => recent.after(at(position))?.events.map(({ id }) => id);

describe('the newest events of this process', () => {
  it('are returned to a subscriber within them, with revision and position', () => {
    const recent = new RecentEvents();
    const [one, two] = noted(recent, 2, 2);
    const [three] = noted(recent, 3, 1, 'conversation-1');
    expect(idsAfter(recent, 0)).toEqual([one, two, three]);
    expect(recent.after(at(1))).toMatchObject({
      position: at(3, three),
      events: [
        { id: two, stream: 'generation-1', revision: 2, position: at(2, two) },
        { id: three, position: at(3, three) },
      ],
    });
  });

  it('leave out other categories, and still say how far they reach', () => {
    const recent = new RecentEvents();
    noted(recent, 1, 1, 'conversation-1');
    const [second] = noted(recent, 2);
    expect(recent.after(at(0), { categories: ['tenant'] })).toEqual({ events: [], position: at(2, second) });
    expect(recent.after(at(0), { categories: ['conversation'] })?.events).toHaveLength(1);
  });

  it('are not returned to a subscriber before them, or after all of them', () => {
    const recent = new RecentEvents();
    noted(recent, 7);
    expect(recent.after(at(5))).toBeUndefined();
    expect(recent.after(at(7))).toBeUndefined();
    expect(new RecentEvents().after(at(0))).toBeUndefined();
  });

  it('end where another process has appended, until its events are read', () => {
    const recent = new RecentEvents();
    const [first] = noted(recent, 1);
    noted(recent, 3);
    expect(idsAfter(recent, 0)).toEqual([first]);
    expect(recent.after(at(1))).toBeUndefined();
    expect([recent.end, recent.reachesOnceReadOn(at(0)), recent.reachesOnceReadOn(at(1))]).toEqual([at(1), true, true]);
    const [second, third] = read(2, 3) as [RecordedEvent, RecordedEvent];
    recent.readOn([second, third]);
    expect(idsAfter(recent, 0)).toEqual([first, second.id, third.id]);
    const [fourth] = noted(recent, 4);
    recent.readOn(read(3, 4));
    expect(idsAfter(recent, 2)).toEqual([third.id, fourth]);
  });

  it('begin again at the position of a subscriber ahead of them, and have nothing for those behind', () => {
    const recent = new RecentEvents();
    noted(recent, 1);
    expect(recent.reachesOnceReadOn(at(5))).toBe(true);
    const [sixth] = noted(recent, 6);
    expect(idsAfter(recent, 5)).toEqual([sixth]);
    expect(recent.reachesOnceReadOn(at(4))).toBe(false);
  });

  it('are bounded, and lose the oldest first', () => {
    const recent = new RecentEvents();
    const count = limits.recentEventsMax * 3;
    for (let position = 1; position <= count; position++) noted(recent, position);
    expect(recent.after(at(0))).toBeUndefined();
    expect(idsAfter(recent, count - 10)).toHaveLength(10);
  });

  it('never lack an event after a position, with any other writers', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom('ours', 'of others', 'read on'), fc.integer({ min: 1, max: 5 })), {
          maxLength: 30,
        }),
        (appends) => {
          const recent = new RecentEvents();
          const all: string[] = [];
          const standing: RecordedEvent[] = [];
          for (const [what, count] of appends) {
            if (what === 'read on') recent.readOn(standing.filter(({ position }) => (position ?? '') > recent.end));
            else standing.push(...read(...Array.from({ length: count }, (_, nth) => all.length + 1 + nth)));
            const added = standing.slice(all.length);
            all.push(...added.map(({ id }) => id));
            if (what === 'ours') noteAll(recent, added, all.length);
            for (let position = 0; position <= all.length; position++) {
              const page = recent.after(at(position));
              const end = Number(page ? bigintOf(page.position) : position);
              expect(page?.events.map(({ id }) => id) ?? []).toEqual(all.slice(position, end));
            }
          }
        },
      ),
      { numRuns: 50 },
    );
  });
});
