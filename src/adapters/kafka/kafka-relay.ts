import type { Kafka, Producer, SASLOptions } from 'kafkajs';
import { limits } from '../../limits.js';
import { RetryableError } from '../../ports/errors.js';
import type { RelayConnection, RelayDestination, RelayMessage } from '../../ports/relay.js';
import { failureOf } from './failures.js';
import { inTime } from './in-time.js';
import { ensureTopic } from './topic.js';

export interface KafkaPlace {
  /** `host:port` each. */
  readonly brokers: readonly string[];
  readonly topic: string;
  readonly tls?: boolean;
  /** The credentials, if the brokers require them. */
  readonly user?: { readonly mechanism: string; readonly username: string; readonly password: string } | undefined;
}

/** A topic of Apache Kafka. Every connection checks the topic, and has its own producer with a new id. */
export class KafkaRelay implements RelayDestination {
  readonly name: string;

  constructor(private readonly place: KafkaPlace) {
    this.name = place.topic;
  }

  async connect(stop: AbortSignal): Promise<RelayConnection> {
    const client = await clientOf(this.place);
    const admin = client.admin();
    const producer = producerOf(client);
    const opening = (async () => {
      await admin.connect();
      await ensureTopic(admin, this.place.topic);
      await producer.connect();
    })();
    try {
      await inTime(opening, stop);
      return new KafkaConnection(producer, this.place.topic);
    } catch (error) {
      // The connection may still open after it was given up. Close it then.
      opening.then(
        () => leave(producer),
        () => {},
      );
      await leave(producer);
      throw failureOf(error);
    } finally {
      await leave(admin);
    }
  }
}

class KafkaConnection implements RelayConnection {
  readonly partitions = limits.relayPartitions;

  constructor(
    private readonly producer: Producer,
    private readonly topic: string,
  ) {}

  /**
   * One partition and one send at a time. With several partitions in one send the client can silently lose one whose leader
   * moves, and with parallel sends it can leave one without an answer for ever.
   */
  async send(partition: number, messages: readonly RelayMessage[], stop: AbortSignal): Promise<void> {
    const sending = this.producer.send({
      topic: this.topic,
      acks: -1,
      timeout: limits.relayAcknowledgeMs,
      messages: messages.map(({ key, value, headers }) => ({ key, value, headers, partition })),
    });
    const acknowledged = await inTime(sending, stop).catch((error) => {
      throw failureOf(error);
    });
    // It also resolves if it has sent nothing, for an unknown partition.
    if (!acknowledged.some((each) => each.partition === partition && each.errorCode === 0)) {
      throw new RetryableError(`Kafka has not acknowledged what went to partition ${partition}`);
    }
  }

  async close(): Promise<void> {
    await leave(this.producer);
  }
}

/** Loaded only by processes that relay. */
async function clientOf({ brokers, tls = false, user }: KafkaPlace): Promise<Kafka> {
  const { Kafka, logLevel } = await import('kafkajs');
  return new Kafka({
    clientId: 'verbatim',
    brokers: [...brokers],
    ssl: tls,
    ...(user && { sasl: user as SASLOptions }),
    connectionTimeout: limits.relayConnectMs,
    requestTimeout: limits.relayAnswerMs,
    retry: {
      initialRetryTime: limits.relayClientPauseMs.first,
      maxRetryTime: limits.relayClientPauseMs.most,
      retries: limits.relayClientTriesMax,
    },
    // No logs of the client: relevant failures come as errors, and it also logs failures that it retries itself.
    logLevel: logLevel.NOTHING,
  });
}

/** Idempotent, so that the brokers keep messages that the client retries once and in order. */
function producerOf(client: Kafka): Producer {
  return client.producer({
    idempotent: true,
    maxInFlightRequests: 1,
    allowAutoTopicCreation: false,
    createPartitioner:
      () =>
      ({ message }) =>
        message.partition as number,
  });
}

/** Closes without waiting for a broker that does not answer. */
async function leave(member: { disconnect(): Promise<void> }): Promise<void> {
  const late = new AbortController();
  late.abort();
  await inTime(member.disconnect(), late.signal).catch(() => {});
}
