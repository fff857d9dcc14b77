// A consumer of the relayed events, small enough to begin with:
//
//   KAFKA_BROKERS=127.0.0.1:9092 node --import ./test/support/ts-loader.mjs examples/consumer.ts ./events
//
// The relay delivers at least once: after a crash or an outage some events come again, and never in another order within
// a conversation. What makes that exactly once is here: for each partition, and each incarnation of a log in it, the
// position of the last event taken is kept with what was made of it, in one transaction, and whatever is not after it is
// dropped. Positions of one incarnation compare as texts, by `<` and `>`, and mean nothing else; those of two say nothing of
// each other. A topic has a second log when the product began anew with another database or EventStoreDB. A log has a second
// incarnation when it was restored from a backup, or failed over and lost events. Then the relay sends all its events again,
// from the first: what was made of the incarnation before may hold events that were lost, so begin anew with the new one.
//
// Kafka's own offsets are no substitute. They tell where to read on, are written after the work, and a repeated event has
// a new one.
import {
  closeSync,
  fdatasyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Consumer, Kafka, type KafkaMessage, logLevel } from 'kafkajs';

const PAUSE_MS = 1_000;
/** The client waits long for brokers that do not answer. What was taken is kept without a farewell. */
const FAREWELL_MS = 5_000;
/** For so long a group waits for a member that has gone without a word. */
const PATIENCE = { sessionTimeout: 10_000, rebalanceTimeout: 10_000, heartbeatInterval: 1_000 };

/** An event as it was relayed. `data` is the event's own JSON, to the byte; of `type` there will be new ones. */
export interface RelayedEvent {
  /** The log that it is from, and its incarnation. */
  readonly log: string;
  readonly incarnation: string;
  readonly position: string;
  readonly id: string;
  readonly type: string;
  /** The stream and the number of the event in it. */
  readonly subject: string;
  readonly revision: number;
  /** The conversation. */
  readonly key: string;
  readonly time: string;
  readonly data: string;
}

/** The position of the last event taken, of each incarnation. */
export type Positions = Readonly<Record<string, string>>;

interface Place {
  readonly positions: Positions;
  /** How much of the output is valid: what a crash left behind it is not. */
  readonly bytes: number;
}

/**
 * What is made of the events: here a file of lines for each partition, and beside it the place. In a database this is one
 * transaction: the rows, and `UPDATE places SET position = $new WHERE partition = $p AND incarnation = $i AND position = $old`, which
 * also refuses a member of the group that was replaced while it slept. Files cannot refuse: let all members of a group share
 * the directory, and none of them sleep.
 */
export class EventFiles {
  constructor(private readonly directory: string) {
    mkdirSync(directory, { recursive: true });
  }

  /** Nothing is remembered between two calls: after a rebalance another member may have gone on. */
  take(partition: number, events: readonly RelayedEvent[]): void {
    const place = this.placeOf(partition);
    const fresh = newAfter(place.positions, events);
    if (fresh.length === 0) return;
    const lines = Buffer.from(fresh.map((event) => `${JSON.stringify(event)}\n`).join(''));
    this.append(partition, place.bytes, lines);
    const positions = { ...place.positions, ...lastOf(fresh) };
    this.write(partition, { positions, bytes: place.bytes + lines.length });
  }

  /** The events that count. */
  eventsOf(partition: number): RelayedEvent[] {
    const { bytes } = this.placeOf(partition);
    if (bytes === 0) return [];
    const lines = readFileSync(this.file(partition, 'ndjson')).subarray(0, bytes).toString().trimEnd().split('\n');
    return lines.map((line) => JSON.parse(line));
  }

  private append(partition: number, at: number, lines: Buffer): void {
    const file = openSync(this.file(partition, 'ndjson'), at === 0 ? 'w' : 'r+');
    try {
      ftruncateSync(file, at);
      for (let done = 0; done < lines.length; ) done += writeSync(file, lines, done, lines.length - done, at + done);
      fdatasyncSync(file);
    } finally {
      closeSync(file);
    }
  }

  private placeOf(partition: number): Place {
    try {
      return JSON.parse(readFileSync(this.file(partition, 'json'), 'utf8'));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      return { positions: {}, bytes: 0 };
    }
  }

  /** A file is replaced whole or not at all. Until it is, the lines before do not count. */
  private write(partition: number, place: Place): void {
    const coming = this.file(partition, 'new');
    const file = openSync(coming, 'w');
    try {
      writeSync(file, JSON.stringify(place));
      fdatasyncSync(file);
    } finally {
      closeSync(file);
    }
    renameSync(coming, this.file(partition, 'json'));
  }

  private file(partition: number, suffix: string): string {
    return join(this.directory, `partition-${partition}.${suffix}`);
  }
}

/** Also within one delivery an event can come twice. */
export function newAfter(positions: Positions, events: readonly RelayedEvent[]): RelayedEvent[] {
  const highest = new Map(Object.entries(positions));
  return events.filter(({ incarnation, position }) => {
    const isNew = position > (highest.get(incarnation) ?? '');
    if (isNew) highest.set(incarnation, position);
    return isNew;
  });
}

const lastOf = (events: readonly RelayedEvent[]): Positions =>
  Object.fromEntries(events.map(({ incarnation, position }) => [incarnation, position]));

export function relayedEventOf({ key, value, headers = {} }: KafkaMessage): RelayedEvent {
  const header = (name: string): string => {
    const text = headers[name];
    // Somebody else writes to the topic: whatever comes of that, it must not be nothing.
    if (text === undefined) throw new Error(`a message without ${name} is not of the relay`);
    return text.toString();
  };
  return {
    log: header('ce_log'),
    incarnation: header('ce_incarnation'),
    position: header('ce_position'),
    id: header('ce_id'),
    type: header('ce_type'),
    subject: header('ce_subject'),
    revision: Number(header('ce_revision')),
    key: key?.toString() ?? '',
    time: header('ce_time'),
    data: value?.toString() ?? '',
  };
}

export interface Group {
  readonly id: string;
  readonly topic: string;
  readonly files: EventFiles;
}

/** Until it is told to stop. The client gives up for good after some failures that pass: then it begins anew. */
export async function consume(kafka: Kafka, group: Group, stop: AbortSignal): Promise<void> {
  while (!stop.aborted) {
    // A topic that a broker makes for whoever asks has too few partitions, and then the relay refuses it.
    const consumer = kafka.consumer({ groupId: group.id, ...PATIENCE, allowAutoTopicCreation: false });
    try {
      await runToItsEnd(consumer, group, stop);
    } catch (error) {
      process.stderr.write(`it does not get on, and begins anew: ${error instanceof Error ? error.message : error}\n`);
    } finally {
      await consumer.disconnect();
    }
    await sleep(PAUSE_MS, undefined, { signal: stop }).catch(() => {});
  }
}

/** Kafka's offsets are committed behind the work; a crash in between repeats it, and then it is dropped. */
async function runToItsEnd(consumer: Consumer, { topic, files }: Group, stop: AbortSignal): Promise<void> {
  const ended = new Promise<void>((resolve, reject) => {
    stop.addEventListener('abort', () => resolve(), { once: true });
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      if (!payload.restart) reject(payload.error);
    });
  });
  // It may end before anybody waits for it.
  ended.catch(() => {});
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await consumer.run({
    eachBatch: async ({ batch, isRunning, isStale }) => {
      if (isRunning() && !isStale()) files.take(batch.partition, batch.messages.map(relayedEventOf));
    },
  });
  await ended;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { KAFKA_BROKERS = '127.0.0.1:9092', KAFKA_TOPIC = 'verbatim.events.v1' } = process.env;
  const [directory = 'events'] = process.argv.slice(2);
  const kafka = new Kafka({ clientId: 'example', brokers: KAFKA_BROKERS.split(','), logLevel: logLevel.ERROR });
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => stop.abort());
  stop.signal.addEventListener('abort', () => setTimeout(() => process.exit(), FAREWELL_MS).unref());
  await consume(kafka, { id: 'verbatim-example', topic: KAFKA_TOPIC, files: new EventFiles(directory) }, stop.signal);
}
