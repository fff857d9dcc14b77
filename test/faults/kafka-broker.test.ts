import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Admin, Kafka, logLevel } from 'kafkajs';
import { consume, EventFiles, type RelayedEvent } from '../../examples/consumer.js';
import { createKafka, STARTS_SOON } from '../../infra/kafka/broker.mjs';
import { reasonAgainstKafka } from '../../infra/kafka/jars.mjs';
import { KafkaRelay } from '../../src/adapters/kafka/kafka-relay.js';
import { systemClock } from '../../src/adapters/system/system-clock.js';
import { limits } from '../../src/limits.js';
import { MemoryEventLog } from '../support/memory/memory-event-log.js';
import { idsByKey, RelayGround } from '../support/relay-ground.js';

import { until } from '../support/until.js';

const RESTARTS = 10;
const SETUP_MS = 180_000;
const reason = reasonAgainstKafka();
if (reason) process.stderr.write(`tests on a Kafka broker are skipped: ${reason}\n`);

(reason ? describe.skip : describe)('on a broker of Apache Kafka', () => {
  let kafka: Awaited<ReturnType<typeof createKafka>>;
  let client: Kafka;
  let admin: Admin;
  let topic: string;
  let topics = 0;
  let ground: RelayGround;
  let members: (() => Promise<void>)[];
  let directory: string;
  let files: EventFiles;

  beforeAll(async () => {
    kafka = await createKafka(STARTS_SOON);
    await kafka.start();
    client = new Kafka({ brokers: [kafka.address], logLevel: logLevel.NOTHING });
    admin = client.admin();
    await admin.connect();
  }, SETUP_MS);
  afterAll(async () => {
    await admin?.disconnect();
    await kafka?.destroy();
  });

  beforeEach(() => {
    topics += 1;
    topic = `verbatim.test.${topics}`;
    ground = new RelayGround(new MemoryEventLog(), systemClock);
    members = [];
    directory = mkdtempSync(join(tmpdir(), 'verbatim-consumer-'));
    files = new EventFiles(directory);
  });
  afterEach(async () => {
    await Promise.all(members.map((leave) => leave()));
    await ground.stop();
    rmSync(directory, { recursive: true });
  });

  const relay = () => ground.start(new KafkaRelay({ brokers: [kafka.address], topic }));

  /** A member of one group; all of them share their files. Answers with how to leave it. */
  function consuming(): () => Promise<void> {
    const stop = new AbortController();
    const consumer = consume(client, { id: topic, topic, files }, stop.signal);
    const leave = async () => {
      stop.abort();
      await consumer;
    };
    members.push(leave);
    return leave;
  }

  const consumed = (): RelayedEvent[] =>
    Array.from({ length: limits.relayPartitions }, (_, partition) => files.eventsOf(partition)).flat();

  const logged = () => ground.chatIds();

  it('makes the topic, and brings events of every size to the letter', async () => {
    const large = 'ä'.repeat((limits.appendBytesMax - 2_000) / 2);
    for (const text of ['short', '\ud800 – \u0000', large]) await ground.deltas('a', 1, text);
    // Whoever reads need not come after it.
    consuming();
    relay();
    await until(() => ground.acknowledged === 3);
    const resource = { type: 2, name: topic, configNames: ['max.message.bytes', 'min.insync.replicas'] };
    const { resources } = await admin.describeConfigs({ resources: [resource], includeSynonyms: false });
    const settings = resources[0]?.configEntries.map(({ configName, configValue }) => [configName, configValue]);
    expect(Object.fromEntries(settings ?? [])).toEqual({
      'max.message.bytes': String(limits.relayTopicMessageBytesMax),
      'min.insync.replicas': '1',
    });
    await until(() => consumed().length === 3, 60_000);
    const events = await ground.chatEvents();
    expect(consumed().map(({ data }) => data)).toEqual(events.map(({ data }) => data));
  });

  it('refuses a topic with another number of partitions', async () => {
    await admin.createTopics({ topics: [{ topic, numPartitions: 3 }], waitForLeaders: true });
    const started = relay();
    await until(() => started.state.is === 'refused');
    expect(started.state).toMatchObject({ reason: expect.stringContaining(`topic ${topic} has 3 partitions`) });
  });

  it('stops at an event that the topic does not take, and sends what was before it in smaller pieces', async () => {
    const configEntries = [{ name: 'max.message.bytes', value: '10000' }];
    const shape = { topic, numPartitions: limits.relayPartitions, configEntries };
    await admin.createTopics({ topics: [shape], waitForLeaders: true });
    await ground.deltas('a', 100);
    await ground.deltas('a', 1, 'x'.repeat(20_000));
    await ground.deltas('a', 1);
    const started = relay();
    await until(() => started.state.is === 'refused');
    expect(started.state).toMatchObject({ reason: expect.stringContaining('Kafka refuses it: MESSAGE_TOO_LARGE') });
    expect(ground.acknowledged).toBe(100);
  });

  it(`is stopped and started ${RESTARTS} times under load, and a consumer has every event once and in order`, async () => {
    const over = new AbortController();
    const load = (async () => {
      for (let nth = 0; !over.signal.aborted; nth++) {
        await ground.deltas(`conversation-${nth % 7}`, 3);
        await systemClock.sleep(20, over.signal);
      }
    })();
    relay();
    const progress = async () => {
      const before = ground.acknowledged;
      await until(() => ground.acknowledged > before + 30, 30_000);
    };
    await progress();
    const [leave] = [consuming(), consuming()];
    for (let nth = 0; nth < RESTARTS; nth++) {
      await kafka.stop(nth % 2 === 0 ? 'SIGKILL' : 'SIGTERM');
      await kafka.start();
      await progress();
      // The group shares its work out anew, in the middle of it.
      if (nth === Math.floor(RESTARTS / 2)) await leave();
    }
    over.abort();
    await load;
    const expected = await logged();
    await until(() => consumed().length >= expected.length, 120_000);
    const seen = consumed();
    expect(seen).toHaveLength(expected.length);
    expect(idsByKey(seen)).toEqual(idsByKey(expected));
  }, 300_000);
});
