import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Kafka, type KafkaMessage, logLevel } from 'kafkajs';
import { consume, EventFiles, newAfter, type RelayedEvent, relayedEventOf } from '../../examples/consumer.js';
import type { Position } from '../../src/events/envelope.js';
import { cloudEventOf } from '../../src/relay/cloud-event.js';
import { newDelta } from '../support/new-events.js';
import { StubKafka } from '../support/stub-kafka.js';
import { until } from '../support/until.js';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'verbatim-consumer-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const eventAt = (nth: number, incarnation = 'a'): RelayedEvent => ({
  ...{ log: 'the log', incarnation },
  position: String(nth).padStart(5, '0'),
  ...{ id: `e${nth}`, type: 'DeltaReceived', subject: 's', revision: nth, key: 'c', time: 't', data: '{"text":"ä"}' },
});
const range = (from: number, to: number, incarnation = 'a') =>
  Array.from({ length: to - from }, (_, nth) => eventAt(from + nth, incarnation));

describe('the example consumer', () => {
  it('drops what is delivered again, within a delivery and after a restart', () => {
    new EventFiles(directory).take(3, [...range(1, 4), ...range(2, 5)]);
    new EventFiles(directory).take(3, range(1, 8));
    expect(new EventFiles(directory).eventsOf(3)).toEqual(range(1, 8));
  });

  it('compares positions only within one incarnation', () => {
    const [old, late] = [range(5, 8), range(1, 4, 'b')];
    const again = [...range(6, 8), ...range(2, 5, 'b')];
    expect(newAfter({}, [...old, ...late, ...again])).toEqual([...old, ...late, eventAt(4, 'b')]);
    expect(newAfter({ a: '00006', b: '00003' }, [...old, ...late, ...again])).toEqual([eventAt(7), eventAt(4, 'b')]);
  });

  it('takes every event of a new incarnation, and still drops what comes again of the old one', () => {
    new EventFiles(directory).take(3, range(5, 8));
    new EventFiles(directory).take(3, range(1, 3, 'b'));
    new EventFiles(directory).take(3, [...range(5, 8), ...range(1, 4, 'b')]);
    expect(new EventFiles(directory).eventsOf(3)).toEqual([...range(5, 8), ...range(1, 4, 'b')]);
  });

  it('keeps partitions apart', () => {
    const files = new EventFiles(directory);
    files.take(1, range(5, 7));
    files.take(2, range(1, 3));
    expect([files.eventsOf(1), files.eventsOf(2), files.eventsOf(0)]).toEqual([range(5, 7), range(1, 3), []]);
  });

  it('ignores a line that a crash left half written, and accepts its event when it is delivered again', () => {
    const files = new EventFiles(directory);
    files.take(1, range(1, 3));
    appendFileSync(join(directory, 'partition-1.ndjson'), '{"position":"00003","id":"e');
    expect(files.eventsOf(1)).toEqual(range(1, 3));
    files.take(1, range(3, 5));
    expect(files.eventsOf(1)).toEqual(range(1, 5));
  });

  it('continues after another member of the group, however far back Kafka begins', () => {
    const [one, other] = [new EventFiles(directory), new EventFiles(directory)];
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.nat(6), fc.nat(6)), { maxLength: 20 }), (deliveries) => {
        rmSync(directory, { recursive: true });
        new EventFiles(directory);
        let committed = 1;
        let taken = 1;
        for (const [first, back, events] of deliveries) {
          const from = Math.max(1, committed - back);
          committed = from + events;
          taken = Math.max(taken, committed);
          (first ? one : other).take(0, range(from, committed));
        }
        expect(one.eventsOf(0)).toEqual(range(1, taken));
      }),
      { numRuns: 50 },
    );
  });

  it('reads what the relay writes', () => {
    const recorded = { ...newDelta(), stream: 'generation-g', revision: 4, position: '007' as Position };
    const { key, value, headers } = cloudEventOf(recorded, { identity: 'the log', incarnation: 'the second' });
    const bytes = Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, Buffer.from(text)]));
    const message = { key: Buffer.from(key), value: Buffer.from(value), headers: bytes } as unknown as KafkaMessage;
    expect(relayedEventOf(message)).toEqual({
      log: 'the log',
      incarnation: 'the second',
      position: '007',
      id: recorded.id,
      type: 'DeltaReceived',
      subject: 'generation-g',
      revision: 4,
      key: 'c1',
      time: recorded.at,
      data: recorded.data,
    });
  });

  it('stops at a message that is not from the relay', () => {
    const message = { key: null, value: Buffer.from('{}'), headers: {} } as unknown as KafkaMessage;
    expect(() => relayedEventOf(message)).toThrow('a message without ce_log is not of the relay');
  });

  it('creates no topic, and polls until there is one', async () => {
    const kafka = await StubKafka.start();
    kafka.makesTopics = true;
    const client = new Kafka({ brokers: kafka.brokers, retry: { retries: 0 }, logLevel: logLevel.NOTHING });
    const stop = new AbortController();
    const group = { id: 'group', topic: 'events', files: new EventFiles(directory) };
    const consuming = consume(client, group, stop.signal);
    try {
      await until(() => kafka.sought.filter((topic) => topic === 'events').length >= 3);
      expect([...kafka.topics.keys()]).toEqual([]);
    } finally {
      stop.abort();
      await consuming;
      await kafka.stop();
    }
  });
});
