import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Kafka, logLevel } from 'kafkajs';
import { type KafkaPlace, KafkaRelay } from '../../src/adapters/kafka/kafka-relay.js';
import { limits } from '../../src/limits.js';
import { RetryableError, TerminalError } from '../../src/ports/errors.js';
import {
  DeniedByDestination,
  MessagesTooLarge,
  type RelayConnection,
  type RelayMessage,
} from '../../src/ports/relay.js';
import { KAFKA_ERROR, StubKafka } from '../support/stub-kafka.js';
import { until } from '../support/until.js';

const TOPIC = 'verbatim.events.v1';
const going = new AbortController().signal;
const message = (value: string): RelayMessage => ({ key: 'c1', value, headers: { ce_id: value, ce_type: 'Ü' } });

let kafka: StubKafka;
let connections: RelayConnection[];
beforeEach(() => {
  connections = [];
});
afterEach(async () => {
  await Promise.all(connections.map((connection) => connection.close()));
  await until(() => kafka.open === 0);
  await kafka.stop();
});

const destination = (user?: KafkaPlace['user']) => new KafkaRelay({ brokers: kafka.brokers, topic: TOPIC, user });

async function connected(): Promise<RelayConnection> {
  const connection = await destination().connect(going);
  connections.push(connection);
  return connection;
}

async function stubbed(brokers = 1): Promise<StubKafka> {
  kafka = await StubKafka.start(brokers);
  kafka.addTopic(TOPIC, limits.relayPartitions);
  return kafka;
}

const keptValues = () => kafka.kept.map(({ value }) => value);

describe('a topic of Kafka', () => {
  it('is made when it is missing, with what the relay needs of it', async () => {
    kafka = await StubKafka.start(4);
    kafka.makesTopics = true;
    const { partitions } = await connected();
    expect(partitions).toBe(limits.relayPartitions);
    expect(kafka.created.get(TOPIC)).toEqual({
      partitions: limits.relayPartitions,
      replicas: 3,
      settings: {
        'cleanup.policy': 'delete',
        'max.message.bytes': String(limits.relayTopicMessageBytesMax),
        'min.insync.replicas': '2',
        'unclean.leader.election.enable': 'false',
      },
    });
  });

  it('has as many copies as there are brokers, where those are few', async () => {
    kafka = await StubKafka.start(1);
    await connected();
    const { replicas, settings } = kafka.created.get(TOPIC) ?? {};
    expect([replicas, settings?.['min.insync.replicas']]).toEqual([1, '1']);
  });

  it('is left as it is when it is there', async () => {
    await stubbed();
    await connected();
    expect(kafka.created.size).toBe(0);
  });

  it.each([1, 11, 13])('with %d partitions is refused', async (partitions) => {
    kafka = await StubKafka.start();
    kafka.addTopic(TOPIC, partitions);
    const refused = destination().connect(going);
    const counts = `topic ${TOPIC} has ${partitions} partitions, and must have ${limits.relayPartitions}`;
    await expect(refused).rejects.toThrow(counts);
    await expect(refused).rejects.toBeInstanceOf(TerminalError);
  });

  it.each([
    ['onCreate', KAFKA_ERROR.topicAuthorization, 'Kafka refuses: TOPIC_AUTHORIZATION_FAILED'],
    ['onInitProducer', KAFKA_ERROR.clusterAuthorization, 'Kafka refuses: CLUSTER_AUTHORIZATION_FAILED'],
  ] as const)(
    'that the relay has no right to (%s) is denied, and may be asked for again',
    async (step, code, reason) => {
      kafka = await StubKafka.start();
      kafka[step] = () => code;
      const denied = destination().connect(going);
      await expect(denied).rejects.toThrow(reason);
      await expect(denied).rejects.toBeInstanceOf(DeniedByDestination);
    },
  );

  it('that cannot be reached is waited for', async () => {
    await stubbed();
    const place = { brokers: kafka.brokers, topic: TOPIC };
    await kafka.stop();
    const refused = new KafkaRelay(place).connect(AbortSignal.abort());
    await expect(refused).rejects.toBeInstanceOf(RetryableError);
  });

  it('that closes the connection, or is away, is reported with the broker and the reason', async () => {
    await stubbed();
    const place = { brokers: kafka.brokers, topic: TOPIC };
    kafka.onMetadata = () => 'cut';
    const told = (reason: string) => `Kafka cannot be used now: ${reason} (${place.brokers[0]})`;
    await expect(destination().connect(going)).rejects.toThrow(told('Closed connection'));
    await kafka.stop();
    const refused = `Connection error: connect ECONNREFUSED ${place.brokers[0]}`;
    await expect(new KafkaRelay(place).connect(going)).rejects.toThrow(told(refused));
  });
});

describe('brokers that require authentication', () => {
  const user = { mechanism: 'plain', username: 'verbatim', password: 'hunter2' } as const;

  it('get the credentials of the relay', async () => {
    await stubbed();
    kafka.user = 'verbatim:hunter2';
    const connection = await destination(user).connect(going);
    connections.push(connection);
    await connection.send(0, [message('a')], going);
    expect(keptValues()).toEqual(['a']);
  });

  it('deny a user with a wrong password, and the reason holds no secret', async () => {
    await stubbed();
    kafka.user = 'verbatim:another';
    const denied = await destination(user)
      .connect(going)
      .catch((error: Error) => error);
    expect(denied).toBeInstanceOf(DeniedByDestination);
    expect((denied as Error).message).toBe('Kafka refuses: KafkaJSSASLAuthenticationError');
  });
});

describe('a send', () => {
  it('sends texts unchanged, with their key and headers', async () => {
    await stubbed();
    const connection = await connected();
    const value = '{"text":"\\ud800 – \\u0000 😀"}';
    await connection.send(7, [{ key: 'c–1', value, headers: { ce_type: 'Ü', ce_position: '01' } }], going);
    expect(kafka.kept).toEqual([{ partition: 7, key: 'c–1', value, headers: { ce_type: 'Ü', ce_position: '01' } }]);
  });

  it('is one request for one partition, with the next sequence number', async () => {
    await stubbed();
    const connection = await connected();
    await connection.send(3, [message('a'), message('b')], going);
    await connection.send(3, [message('c')], going);
    await connection.send(4, [message('d')], going);
    const rows = kafka.asked.map(({ partition, firstSequence }) => [partition, firstSequence]);
    expect(rows).toEqual([
      [3, 0],
      [3, 2],
      [4, 0],
    ]);
  });

  it('fails when the answer does not speak of its partition', async () => {
    await stubbed();
    const connection = await connected();
    kafka.onProduce = () => 'unsaid';
    const failed = connection.send(3, [message('a')], going);
    await expect(failed).rejects.toThrow('Kafka has not acknowledged what went to partition 3');
    await expect(failed).rejects.toBeInstanceOf(RetryableError);
  });

  it('fails when the topic has lost its partition, rather than sending nothing', async () => {
    await stubbed();
    const connection = await connected();
    kafka.addTopic(TOPIC, 2);
    kafka.onProduce = () => KAFKA_ERROR.notLeader;
    await expect(connection.send(3, [message('a')], going)).rejects.toBeInstanceOf(RetryableError);
    expect(kafka.kept).toEqual([]);
  });

  it('goes to the new leader when its partition has moved', async () => {
    await stubbed(2);
    const connection = await connected();
    kafka.onProduce = ({ node, partition }) => {
      if (node === kafka.topics.get(TOPIC)?.[partition] && node === 1) return KAFKA_ERROR.none;
      kafka.topics.set(TOPIC, Array<number>(limits.relayPartitions).fill(1));
      return KAFKA_ERROR.notLeader;
    };
    await connection.send(1, [message('a')], going);
    expect(kafka.asked.map(({ node }) => node)).toEqual([2, 1]);
    expect(keptValues()).toEqual(['a']);
  });

  it('has the same sequence number again if its outcome is unknown, so that Kafka recognises it', async () => {
    await stubbed();
    const connection = await connected();
    kafka.onProduce = () => (kafka.asked.length === 1 ? 'cut' : KAFKA_ERROR.none);
    await connection.send(3, [message('a')], going);
    await connection.send(3, [message('b')], going);
    const rows = kafka.asked.map(({ producerId, firstSequence }) => [producerId, firstSequence]);
    expect(rows).toEqual([
      ['1', 0],
      ['1', 0],
      ['1', 1],
    ]);
  });

  it.each([
    [KAFKA_ERROR.tooLarge, MessagesTooLarge, 'Kafka refuses it: MESSAGE_TOO_LARGE'],
    [KAFKA_ERROR.topicAuthorization, DeniedByDestination, 'Kafka refuses: TOPIC_AUTHORIZATION_FAILED'],
    [KAFKA_ERROR.outOfOrder, RetryableError, 'Kafka cannot be used now: OUT_OF_ORDER_SEQUENCE_NUMBER'],
  ])('that is answered with %d fails as what that means', async (code, kind, reason) => {
    await stubbed();
    const connection = await connected();
    kafka.onProduce = () => code;
    const failed = connection.send(3, [message('a')], going);
    await expect(failed).rejects.toBeInstanceOf(kind);
    await expect(failed).rejects.toThrow(reason);
  });

  it('that is not answered is given up soon when the process stops', async () => {
    await stubbed();
    const connection = await connected();
    let answer = (_: number): void => {};
    kafka.onProduce = () =>
      new Promise<number>((resolve) => {
        answer = resolve;
      });
    const stop = new AbortController();
    const sending = connection.send(3, [message('a')], stop.signal);
    await until(() => kafka.asked.length === 1);
    stop.abort();
    await expect(sending).rejects.toThrow('Kafka has not answered in time');
    answer(KAFKA_ERROR.none);
  });
});

describe('several partitions', () => {
  /** The leader of partition 1 moves to the broker that has already answered for partition 0. */
  function moveLeader(): void {
    kafka.addTopic(TOPIC, limits.relayPartitions);
    let moved = false;
    kafka.onProduce = async ({ node, partition }) => {
      if (partition !== 1 || node === 1) return KAFKA_ERROR.none;
      if (!moved) await until(() => kafka.kept.some((each) => each.partition === 0));
      moved = true;
      kafka.topics.set(TOPIC, Array<number>(limits.relayPartitions).fill(1));
      return KAFKA_ERROR.notLeader;
    };
  }

  it('in one send of the client are lost in silence when a leader moves', async () => {
    await stubbed(2);
    moveLeader();
    const client = new Kafka({ brokers: kafka.brokers, logLevel: logLevel.NOTHING });
    const producer = client.producer({
      createPartitioner:
        () =>
        ({ message: { partition } }) =>
          partition as number,
    });
    await producer.connect();
    const messages = [0, 1].map((partition) => ({ key: 'k', value: String(partition), partition }));
    await producer.send({ topic: TOPIC, acks: -1, messages });
    await producer.disconnect();
    expect(keptValues()).toEqual(['0']);
  });

  it('are all delivered with one send each', async () => {
    await stubbed(2);
    moveLeader();
    const connection = await connected();
    for (const partition of [0, 1, 2, 3]) await connection.send(partition, [message(`${partition}`)], going);
    expect(keptValues()).toEqual(['0', '1', '2', '3']);
  });
});
