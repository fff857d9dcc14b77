// How many events a second go from the log to a broker of Apache Kafka, all acknowledged, beside a bare producer of the same
// messages.
import { Kafka, logLevel } from 'kafkajs';
import { KafkaRelay } from '../dist/adapters/kafka/kafka-relay.js';
import { ConnectionPool } from '../dist/adapters/postgres/connection-pool.js';
import { PostgresEventLog } from '../dist/adapters/postgres/postgres-event-log.js';
import { PostgresLeases } from '../dist/adapters/postgres/postgres-leases.js';
import { systemClock } from '../dist/adapters/system/system-clock.js';
import { START } from '../dist/events/envelope.js';
import { limits } from '../dist/limits.js';
import { cloudEventOf } from '../dist/relay/cloud-event.js';
import { EventRelay } from '../dist/relay/event-relay.js';
import { createKafka } from '../infra/kafka/broker.mjs';
import { reasonAgainstKafka } from '../infra/kafka/jars.mjs';
import { startMeter, startServer } from './support/server.mjs';
import { interleave, median, rounded } from './support/statistics.mjs';
import { EVENTS_OF_A_TURN, fillWithTurns } from './support/turns.mjs';

const ROUNDS = 5;
const CONVERSATIONS = 200;
const TURNS = 30;
const EVENTS = CONVERSATIONS * (1 + TURNS * EVENTS_OF_A_TURN);
/** Each round sends the whole log. */
const fromTheStart = { read: async () => START, open: async () => START, save: async () => true };
const BARE_MESSAGES = limits.readPageEventsMax;

export async function bench(tell) {
  const reason = reasonAgainstKafka();
  if (reason) return { relayToBare: null, relayToBareIdempotent: null, reason };
  const kafka = await createKafka();
  const server = await startServer();
  try {
    await kafka.start();
    const log = new PostgresEventLog(server.connection);
    await fillWithTurns(log, { conversations: CONVERSATIONS, turnsOfEach: TURNS });
    const messages = await messagesOf(log);
    let topics = 0;
    // A topic for each round of an arm: none meets what another one left.
    const onTopic = (arm) => async () => {
      topics += 1;
      return arm(`bench.${topics}`);
    };
    const arms = {
      bare: onTopic((topic) => bare(server, kafka, topic, messages, false)),
      bareIdempotent: onTopic((topic) => bare(server, kafka, topic, messages, true)),
      relay: onTopic((topic) => relay(server, kafka, topic, log)),
    };
    for (const arm of Object.values(arms)) await arm();
    const results = await interleave(ROUNDS, arms, tell);
    await log.close();
    return summary(results);
  } finally {
    await server.stop();
    await kafka.destroy();
  }
}

function summary({ bare, bareIdempotent, relay }) {
  const of = (rounds, key) => rounded(median(rounds.map((round) => round[key])));
  const ratio = (others) =>
    rounded(median(relay.map((round, nth) => round.eventsPerSecond / others[nth].eventsPerSecond)));
  return {
    relayToBare: ratio(bare),
    relayToBareIdempotent: ratio(bareIdempotent),
    relayEventsPerSecond: of(relay, 'eventsPerSecond'),
    bareEventsPerSecond: of(bare, 'eventsPerSecond'),
    bareIdempotentEventsPerSecond: of(bareIdempotent, 'eventsPerSecond'),
    relayNodeMicrosPerEvent: of(relay, 'nodeMicrosPerEvent'),
    bareNodeMicrosPerEvent: of(bare, 'nodeMicrosPerEvent'),
    events: EVENTS,
  };
}

/** What the relay sends, made before the clock runs. */
async function messagesOf(log) {
  const messages = [];
  const identity = await log.identity();
  for await (const page of log.readAll('', { categories: ['conversation', 'generation'] })) {
    for (const event of page.events) messages.push(cloudEventOf(event, identity));
  }
  if (messages.length !== EVENTS) throw new Error(`${messages.length} events, expected ${EVENTS}`);
  return messages;
}

async function relay(server, { address }, topic, log) {
  await createTopic(address, topic);
  const pool = new ConnectionPool(server.connection, 2, limits.runtimeAnswerMs);
  let sent = 0;
  let done;
  const all = new Promise((resolve) => {
    done = resolve;
  });
  const events = new EventRelay(new KafkaRelay({ brokers: [address], topic }), {
    log,
    checkpoints: fromTheStart,
    leases: new PostgresLeases(pool),
    clock: systemClock,
    health: {
      failed: (part, error) => {
        throw new Error(`${part} failed`, { cause: error });
      },
      recovered: () => {},
    },
    holder: topic,
    leaseMs: 15_000,
    meter: {
      eventsRelayed: (count) => {
        sent += count;
        if (sent >= EVENTS) done();
      },
    },
    warn: (facts) => process.stderr.write(`${JSON.stringify(facts)}\n`),
  });
  try {
    return await timed(server, async () => {
      events.start();
      await all;
    });
  } finally {
    await events.stop();
    await pool.close();
  }
}

/** The client as its manual shows it: pages of messages, wherever they belong. */
async function bare(server, { address }, topic, messages, idempotent) {
  await createTopic(address, topic);
  const producer = clientOf(address).producer({ idempotent, ...(idempotent && { maxInFlightRequests: 1 }) });
  try {
    return await timed(server, async () => {
      await producer.connect();
      for (let at = 0; at < messages.length; at += BARE_MESSAGES) {
        await producer.send({ topic, acks: -1, messages: messages.slice(at, at + BARE_MESSAGES) });
      }
    });
  } finally {
    await producer.disconnect();
  }
}

async function createTopic(address, topic) {
  const admin = clientOf(address).admin();
  await admin.connect();
  await admin.createTopics({ topics: [{ topic, numPartitions: limits.relayPartitions }], waitForLeaders: true });
  await admin.disconnect();
}

const clientOf = (address) => new Kafka({ brokers: [address], logLevel: logLevel.NOTHING });

async function timed(server, work) {
  const read = startMeter(server);
  await work();
  const { seconds, nodeSeconds } = read();
  return {
    eventsPerSecond: Math.round(EVENTS / seconds),
    nodeMicrosPerEvent: rounded((nodeSeconds / EVENTS) * 1e6, 1),
  };
}
