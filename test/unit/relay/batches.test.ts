import { describe, expect, it } from '@jest/globals';
import type { Position, RecordedEvent } from '../../../src/events/envelope.js';
import { limits } from '../../../src/limits.js';
import { batchesOf } from '../../../src/relay/batches.js';
import { partitionOf } from '../../../src/relay/partition.js';
import { newDelta } from '../../support/new-events.js';

const PARTITIONS = 5;
const LOG = { identity: 'a log', incarnation: 'an incarnation' };

const eventAt = (nth: number, conversation: string, text = 'x'): RecordedEvent => ({
  ...newDelta(text),
  stream: `conversation-${conversation}`,
  revision: nth,
  position: String(nth).padStart(10, '0') as Position,
});

const positions = (batches: readonly (readonly { event: RecordedEvent }[])[] = []) =>
  batches.map((batch) => batch.map(({ event }) => Number(event.position)));

describe('a page of the relay', () => {
  it('is split by partition, and keeps the order of each conversation', () => {
    const events = Array.from({ length: 100 }, (_, nth) => eventAt(nth + 1, `c${nth % 10}`));
    const batches = batchesOf(events, PARTITIONS, new Map(), LOG);
    for (const [partition, [batch, ...more]] of batches) {
      expect(more).toEqual([]);
      const expected = events.filter(({ stream }) => partitionOf(stream.slice(13), PARTITIONS) === partition);
      expect(batch?.map(({ event }) => event)).toEqual(expected);
    }
    expect([...batches.values()].flat(2)).toHaveLength(100);
  });

  it('leaves out what is acknowledged in its partition, and only there', () => {
    const events = [eventAt(1, 'a'), eventAt(2, 'b'), eventAt(3, 'a'), eventAt(4, 'b')];
    const [ofA, ofB] = [partitionOf('a', PARTITIONS), partitionOf('b', PARTITIONS)];
    expect(ofA).not.toBe(ofB);
    const batches = batchesOf(events, PARTITIONS, new Map([[ofA, String(3).padStart(10, '0') as Position]]), LOG);
    expect(batches.get(ofA)).toBeUndefined();
    expect(positions(batches.get(ofB))).toEqual([[2, 4]]);
  });

  it('is cut where a send would have too many events', () => {
    const events = Array.from({ length: limits.relaySendEventsMax + 1 }, (_, nth) => eventAt(nth, 'a'));
    const [batches] = [...batchesOf(events, PARTITIONS, new Map(), LOG).values()];
    expect(batches?.map((batch) => batch.length)).toEqual([limits.relaySendEventsMax, 1]);
  });

  it('is cut where a send would have too many bytes, and a larger event is sent alone', () => {
    const third = 'x'.repeat(limits.relaySendBytesMax / 3);
    const large = 'x'.repeat(limits.relaySendBytesMax + 1);
    const texts = [third, third, third, large, 'x', third];
    const events = texts.map((text, nth) => eventAt(nth + 1, 'a', text));
    expect(positions([...batchesOf(events, PARTITIONS, new Map(), LOG).values()][0])).toEqual([
      [1, 2],
      [3],
      [4],
      [5, 6],
    ]);
  });
});
