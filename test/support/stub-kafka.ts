import { createRequire } from 'node:module';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

/** The client's own readers and writers of the protocol, as far as they are used here. */
interface Writer {
  readonly buffer: Buffer;
  size(): number;
  writeInt16(value: number): Writer;
  writeInt32(value: number): Writer;
  writeInt64(value: number): Writer;
  writeBoolean(value: boolean): Writer;
  writeString(value: string | null): Writer;
  writeBytes(value: Buffer): Writer;
  writeArray(items: readonly unknown[]): Writer;
}
interface Reader {
  readInt16(): number;
  readInt32(): number;
  readString(): string;
  readBoolean(): boolean;
  readBytes(length?: number): Buffer;
  readArray<T>(read: (reader: Reader) => T): T[];
}
interface Records {
  readonly producerId: string;
  readonly firstSequence: number;
  readonly records: readonly { key: Buffer; value: Buffer; headers: Record<string, Buffer> }[];
}

const clientParts = createRequire(import.meta.url);
const Encoder: new () => Writer = clientParts('kafkajs/src/protocol/encoder');
const Decoder: new (buffer: Buffer) => Reader = clientParts('kafkajs/src/protocol/decoder');
const readRecords: (reader: Reader) => Promise<Records> = clientParts('kafkajs/src/protocol/recordBatch/v0/decoder');
const writer = () => new Encoder();

const API = {
  produce: 0,
  metadata: 3,
  versions: 18,
  createTopics: 19,
  initProducerId: 22,
  handshake: 17,
  authenticate: 36,
} as const;
/** The newest version of each that this knows. */
const VERSIONS: readonly [api: number, version: number][] = [
  [API.produce, 3],
  [API.metadata, 4],
  [API.versions, 2],
  [API.createTopics, 0],
  [API.initProducerId, 0],
  [API.handshake, 1],
  [API.authenticate, 0],
];

export const KAFKA_ERROR = {
  none: 0,
  unknownTopic: 3,
  leaderNotAvailable: 5,
  notLeader: 6,
  tooLarge: 10,
  topicAuthorization: 29,
  clusterAuthorization: 31,
  authentication: 58,
  outOfOrder: 45,
} as const;

export interface StubMessage {
  readonly partition: number;
  readonly key: string;
  readonly value: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface Produced {
  readonly node: number;
  readonly partition: number;
  readonly messages: readonly StubMessage[];
  readonly producerId: string;
  readonly firstSequence: number;
}

/** An error code; or it is kept, and the answer says nothing of it, or does not come. */
export type Answer = number | 'unsaid' | 'cut';

interface CreatedTopic {
  readonly partitions: number;
  readonly replicas: number;
  readonly settings: Readonly<Record<string, string>>;
}

/**
 * As many brokers as asked, which speak as much of Kafka's protocol as a producer needs and do what a test says. They keep
 * what they are given as it comes: a repeated batch is there twice.
 */
export class StubKafka {
  /** The leader of each partition, by topic. */
  readonly topics = new Map<string, number[]>();
  readonly created = new Map<string, CreatedTopic>();
  /** Every topic that somebody asked for, whether it is there or not. */
  readonly sought: string[] = [];
  readonly kept: StubMessage[] = [];
  readonly asked: Produced[] = [];
  /** A topic that is missing is made for whoever asks for it and does not say otherwise: `auto.create.topics.enable`. */
  makesTopics = false;
  /** Who is let in, as PLAIN has it: `name:password`. Nothing: everybody. */
  user: string | undefined;
  private readonly known = new WeakSet<Socket>();
  onProduce: (produced: Produced) => Answer | Promise<Answer> = () => KAFKA_ERROR.none;
  onCreate: () => number = () => KAFKA_ERROR.none;
  onMetadata: () => number | 'cut' = () => KAFKA_ERROR.none;
  onInitProducer: () => number = () => KAFKA_ERROR.none;
  private readonly servers: Server[] = [];
  private readonly sockets = new Set<Socket>();
  private producers = 0;

  static async start(brokers = 1): Promise<StubKafka> {
    const kafka = new StubKafka();
    for (let node = 1; node <= brokers; node++) await kafka.listen(node);
    return kafka;
  }

  get brokers(): string[] {
    return this.servers.map((server) => `127.0.0.1:${portOf(server)}`);
  }

  /** With each partition led by one broker after the other. */
  addTopic(topic: string, partitions: number): void {
    const leaders = Array.from({ length: partitions }, (_, nth) => 1 + (nth % this.servers.length));
    this.topics.set(topic, leaders);
  }

  get open(): number {
    return this.sockets.size;
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await Promise.all(this.servers.map((server) => new Promise((resolve) => server.close(resolve))));
  }

  private async listen(node: number): Promise<void> {
    const server = createServer((socket) => this.serve(node, socket));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    this.servers.push(server);
  }

  private serve(node: number, socket: Socket): void {
    this.sockets.add(socket);
    socket.on('close', () => this.sockets.delete(socket));
    socket.on('error', () => {});
    let received = Buffer.alloc(0);
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      while (received.length >= 4 && received.length >= 4 + received.readInt32BE(0)) {
        const end = 4 + received.readInt32BE(0);
        void this.answer(node, socket, new Decoder(received.subarray(4, end)));
        received = received.subarray(end);
      }
    });
  }

  private async answer(node: number, socket: Socket, request: Reader): Promise<void> {
    const [api, version, correlation] = [request.readInt16(), request.readInt16(), request.readInt32()];
    request.readString();
    const isLetIn = this.user === undefined || this.known.has(socket);
    const body = isLetIn ? await this.bodyOf(node, api, version, request) : this.letIn(socket, api, version, request);
    if (body === 'cut') {
      socket.destroy();
      return;
    }
    const answer = Buffer.concat([bytesOf(writer().writeInt32(correlation)), bytesOf(body)]);
    socket.write(Buffer.concat([bytesOf(writer().writeInt32(answer.length)), answer]));
  }

  private letIn(socket: Socket, api: number, version: number, request: Reader): Writer | 'cut' {
    if (api === API.versions) return versionsAnswer(version);
    if (api === API.handshake) return writer().writeInt16(0).writeArray(['PLAIN']);
    if (api !== API.authenticate) return 'cut';
    const [, name, password] = String(request.readBytes()).split('\0');
    const isRight = `${name}:${password}` === this.user;
    if (isRight) this.known.add(socket);
    const error = isRight ? KAFKA_ERROR.none : KAFKA_ERROR.authentication;
    return writer().writeInt16(error).writeString(null).writeBytes(Buffer.alloc(0));
  }

  private async bodyOf(node: number, api: number, version: number, request: Reader): Promise<Writer | 'cut'> {
    switch (api) {
      case API.versions:
        return versionsAnswer(version);
      case API.metadata:
        return this.metadataAnswer(
          request.readArray((each) => each.readString()),
          request.readBoolean(),
        );
      case API.createTopics:
        return this.createAnswer(request);
      case API.initProducerId:
        this.producers += 1;
        return writer().writeInt32(0).writeInt16(this.onInitProducer()).writeInt64(this.producers).writeInt16(0);
      case API.produce:
        return this.produceAnswer(node, request);
      default:
        throw new Error(`this broker does not speak ${api}`);
    }
  }

  private metadataAnswer(asked: readonly string[], mayMake: boolean): Writer | 'cut' {
    const error = this.onMetadata();
    if (error === 'cut') return 'cut';
    this.sought.push(...asked);
    const missing = asked.filter((topic) => !this.topics.has(topic));
    if (this.makesTopics && mayMake) for (const topic of missing) this.addTopic(topic, 1);
    const brokers = this.servers.map((server, nth) =>
      writer()
        .writeInt32(nth + 1)
        .writeString('127.0.0.1')
        .writeInt32(portOf(server))
        .writeString(null),
    );
    const topics = (asked.length > 0 ? asked : [...this.topics.keys()]).map((topic) => this.topicAnswer(topic, error));
    return writer().writeInt32(0).writeArray(brokers).writeString(null).writeInt32(1).writeArray(topics);
  }

  private topicAnswer(topic: string, error: number): Writer {
    const leaders = this.topics.get(topic);
    const partitions = (leaders ?? []).map((leader, partition) =>
      writer().writeInt16(0).writeInt32(partition).writeInt32(leader).writeArray([leader]).writeArray([leader]),
    );
    const told = leaders ? error : KAFKA_ERROR.unknownTopic;
    return writer().writeInt16(told).writeString(topic).writeBoolean(false).writeArray(partitions);
  }

  private createAnswer(request: Reader): Writer {
    const answers = request.readArray((reader) => {
      const [topic, partitions, replicas] = [reader.readString(), reader.readInt32(), reader.readInt16()];
      reader.readArray(() => {});
      const settings = Object.fromEntries(reader.readArray((each) => [each.readString(), each.readString()]));
      const error = this.onCreate();
      if (error === KAFKA_ERROR.none) {
        this.addTopic(topic, partitions);
        this.created.set(topic, { partitions, replicas, settings });
      }
      return writer().writeString(topic).writeInt16(error);
    });
    return writer().writeArray(answers);
  }

  private async produceAnswer(node: number, request: Reader): Promise<Writer | 'cut'> {
    request.readString();
    request.readInt16();
    request.readInt32();
    const topics = request.readArray((reader) => ({
      topic: reader.readString(),
      batches: reader.readArray((each) => ({ partition: each.readInt32(), bytes: each.readBytes() })),
    }));
    const answers: Writer[] = [];
    for (const { topic, batches } of topics) {
      const partitions: Writer[] = [];
      for (const { partition, bytes } of batches) {
        const answer = await this.take(node, partition, await readRecords(new Decoder(bytes)));
        if (answer === 'cut') return 'cut';
        if (answer === 'unsaid') continue;
        partitions.push(writer().writeInt32(partition).writeInt16(answer).writeInt64(0).writeInt64(-1));
      }
      answers.push(writer().writeString(topic).writeArray(partitions));
    }
    return writer().writeArray(answers).writeInt32(0);
  }

  private async take(node: number, partition: number, { records, producerId, firstSequence }: Records) {
    const messages = records.map(({ key, value, headers }) => ({
      partition,
      key: String(key),
      value: String(value),
      headers: Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, String(text)])),
    }));
    const produced = { node, partition, messages, producerId, firstSequence };
    this.asked.push(produced);
    const answer = await this.onProduce(produced);
    if (typeof answer === 'string' || answer === KAFKA_ERROR.none) this.kept.push(...messages);
    return answer;
  }
}

function versionsAnswer(version: number): Writer {
  const versions = VERSIONS.map(([api, newest]) => writer().writeInt16(api).writeInt16(0).writeInt16(newest));
  const answer = writer().writeInt16(0).writeArray(versions);
  return version > 0 ? answer.writeInt32(0) : answer;
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

/** A writer's buffer is longer than what is in it. */
const bytesOf = (written: Writer): Buffer => written.buffer.subarray(0, written.size());
