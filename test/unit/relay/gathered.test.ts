import { describe, expect, it } from '@jest/globals';
import type { Position, RecordedEvent } from '../../../src/events/envelope.js';
import { limits } from '../../../src/limits.js';
import type { LivePage } from '../../../src/ports/event-log.js';
import { gathered } from '../../../src/relay/gathered.js';
import { newDelta } from '../../support/new-events.js';

const FULL = limits.readPageEventsMax;
const event = { ...newDelta('x'), stream: 'generation-g', revision: 0 } satisfies RecordedEvent;
const page = (nth: number, events: number, live = false, each: RecordedEvent = event): LivePage => ({
  events: Array<RecordedEvent>(events).fill(each),
  position: String(nth) as Position,
  live,
});

async function sizesOf(...pages: LivePage[]): Promise<[events: number, position: string, live: boolean][]> {
  const sizes: [number, string, boolean][] = [];
  async function* source() {
    yield* pages;
  }
  for await (const { events, position, live } of gathered(source())) sizes.push([events.length, position, live]);
  return sizes;
}

describe('pages on their way to be sent', () => {
  it('are joined while they are full, up to a number of events', async () => {
    const pages = Array.from({ length: 6 }, (_, nth) => page(nth + 1, FULL));
    expect(await sizesOf(...pages, page(7, 10))).toEqual([
      [limits.relayStepEventsMax, '5', false],
      [FULL + 10, '7', false],
    ]);
  });

  it('are joined up to a number of bytes', async () => {
    const large = { ...event, data: 'x'.repeat(limits.relayStepBytesMax / FULL) };
    expect(await sizesOf(page(1, FULL, false, large), page(2, FULL), page(3, 1))).toEqual([
      [FULL, '1', false],
      [FULL + 1, '3', false],
    ]);
  });

  it('wait for none when they are live or not full', async () => {
    expect(await sizesOf(page(1, 0, true), page(2, FULL, true), page(3, 5), page(4, 7))).toEqual([
      [0, '1', true],
      [FULL, '2', true],
      [5, '3', false],
      [7, '4', false],
    ]);
  });
});
