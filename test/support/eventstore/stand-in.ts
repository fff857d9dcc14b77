import { randomUUID } from 'node:crypto';
import type { EventEmitter } from 'node:events';
import gossipService from '@eventstore/db-client/generated/gossip_grpc_pb.js';
import serverFeatures from '@eventstore/db-client/generated/serverfeatures_grpc_pb.js';
import features from '@eventstore/db-client/generated/serverfeatures_pb.js';
import streamsService from '@eventstore/db-client/generated/streams_grpc_pb.js';
import { Server, ServerCredentials, status, type UntypedServiceImplementation } from '@grpc/grpc-js';
import { type AppendCall, append, failure, notLeader } from './appends.js';
import { type BatchAppendCall, batchAppend } from './batch-appends.js';
import { type ClusterView, gossipOf, misdirection } from './cluster-node.js';
import { Faults } from './faults.js';
import { Front } from './front.js';
import { type ReadCall, read, subscribe } from './reads.js';
import { type Expected, type StoredEvent, StoredEvents } from './stored-events.js';

export interface StandInOptions {
  /** Servers before 23.10 do not say when a subscription has caught up. */
  readonly reportsCaughtUp?: boolean;
  /** Servers before 21.10 do not take many appends over one call. */
  readonly takesBatches?: boolean;
  /** Any free one unless it is said. */
  readonly port?: number;
  /** In PEM. It then takes only connections with TLS. */
  readonly tls?: { readonly key: Buffer; readonly certificate: Buffer };
  /** The cluster that it is a node of. */
  readonly cluster?: ClusterView;
}

/** Speaks the protocol of EventStoreDB, keeps its events in memory, and fails in the ways that a test sets. */
export interface StandIn {
  readonly url: string;
  readonly port: number;
  readonly faults: Faults;
  /**
   * How often each method of the protocol was called, how often an append took any revision, and how many appends came over
   * calls of batchAppend.
   */
  readonly calls: ReadonlyMap<string, number>;
  readonly events: readonly StoredEvent[];
  /** How many events reads have sent. */
  sent(): number;
  /** How many events subscriptions have looked at, and how many of them they have sent. */
  looked(): number;
  sentToSubscribers(): number;
  /** What a server writes about itself, all the time. */
  appendSystemEvents(count: number): void;
  /** The server itself, which clients do not reach while it is away. */
  readonly innerUrl: string;
  /** While it is away its files are put back to when it had so many events; what `grow` appends to `innerUrl` follows them. */
  restore(eventCount: number, grow?: () => Promise<void>): Promise<void>;
  cutConnections(): void;
  /** Not there, with all that it holds, until it is back. */
  /** There, and silent, as a process that was stopped by a signal; until it is thawed. */
  freeze(): void;
  thaw(): void;
  goAway(): Promise<void>;
  comeBack(): Promise<void>;
  stop(): Promise<void>;
}

export async function startStandIn(options: StandInOptions = {}): Promise<StandIn> {
  const { reportsCaughtUp = true, takesBatches = true, port = 0, cluster, tls } = options;
  const events = cluster?.events ?? new StoredEvents();
  const faults = new Faults();
  const calls = new Map<string, number>();
  let sent = 0;
  let looked = 0;
  let sentToSubscribers = 0;
  const server = new Server();
  const count = (method: string) => calls.set(method, (calls.get(method) ?? 0) + 1);
  const cutConnections = () => front.cut();
  const onExpected = (expected: Expected) => void (expected === 'any' && count('append to any revision'));

  server.addService(
    streamsService.StreamsService as never,
    {
      read(call: ReadCall) {
        const method = call.request.getOptions()?.hasSubscription() ? 'subscribe' : 'read';
        count(method);
        if (faults.refusesEveryone) return void call.emit('error', failure(status.UNAUTHENTICATED, 'Unauthenticated'));
        const leaderPort = faults.takeNotLeader(method);
        if (leaderPort !== undefined) return void call.emit('error', notLeader(leaderPort));
        const misdirected = misdirection(call.metadata, cluster, front.port);
        if (misdirected) return void call.emit('error', misdirected);
        void (method === 'subscribe'
          ? subscribe(call, events, {
              reportsCaughtUp,
              faults,
              onLooked: () => looked++,
              onSent: () => sentToSubscribers++,
            })
          : read(call, events, faults.readsBreakOffAfter, () => sent++));
      },
      append(call: AppendCall, answer: Parameters<typeof append>[1]) {
        count('append');
        if (faults.refusesEveryone) return answer(failure(status.UNAUTHENTICATED, 'Unauthenticated'));
        const misdirected = misdirection(call.metadata, cluster, front.port);
        if (misdirected) return answer(misdirected);
        append(call, answer, { events, faults, cutConnections, onExpected }).catch(() => {});
      },
      batchAppend(call: BatchAppendCall) {
        count('batchAppend');
        if (!takesBatches) return void call.emit('error', failure(status.UNIMPLEMENTED, 'Method is unimplemented.'));
        if (faults.refusesEveryone) return void call.emit('error', failure(status.UNAUTHENTICATED, 'Unauthenticated'));
        batchAppend(call, {
          ...{ events, faults, cutConnections },
          misdirection: () => misdirection(call.metadata, cluster, front.port),
          onExpected: (expected) => {
            count('append in a batch');
            onExpected(expected);
          },
        });
      },
      ...unsupported(count, 'delete', 'tombstone'),
    } as UntypedServiceImplementation,
  );
  server.addService(serverFeatures.ServerFeaturesService as never, {
    getSupportedMethods(_: unknown, answer: (error: null, methods: features.SupportedMethods) => void) {
      count('getSupportedMethods');
      answer(null, supportedMethods(takesBatches, reportsCaughtUp ? '23.10.6' : '22.10.5'));
    },
  });

  if (cluster) server.addService(gossipService.GossipService as never, gossipOf(cluster, count) as never);

  const serverPort = await bind(server, tls);
  const front = new Front(serverPort);
  await front.open(port);
  return {
    url: `esdb://127.0.0.1:${front.port}?tls=${tls !== undefined}`,
    port: front.port,
    faults,
    calls,
    events: events.all,
    sent: () => sent,
    looked: () => looked,
    sentToSubscribers: () => sentToSubscribers,
    appendSystemEvents: (number) => appendSystemEvents(events, number),
    cutConnections,
    freeze: () => front.freeze(),
    thaw: () => front.thaw(),
    innerUrl: `esdb://127.0.0.1:${serverPort}?tls=false`,
    async restore(eventCount, grow = async () => {}) {
      await front.close();
      events.goBackTo(eventCount);
      await grow();
      await front.open();
    },
    goAway: () => front.close(),
    comeBack: () => front.open(),
    async stop() {
      await front.close();
      server.forceShutdown();
    },
  };
}

function bind(server: Server, tls: StandInOptions['tls']): Promise<number> {
  const credentials = tls
    ? ServerCredentials.createSsl(null, [{ private_key: tls.key, cert_chain: tls.certificate }])
    : ServerCredentials.createInsecure();
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', credentials, (error, port) => (error ? reject(error) : resolve(port)));
  });
}

function supportedMethods(takesBatches: boolean, version: string): features.SupportedMethods {
  const methods = ['read', 'append', ...(takesBatches ? ['batchappend'] : [])].map((name) =>
    new features.SupportedMethod().setServiceName('event_store.client.streams.streams').setMethodName(name),
  );
  return new features.SupportedMethods().setEventStoreServerVersion(version).setMethodsList(methods);
}

function unsupported(count: (method: string) => void, ...methods: string[]): UntypedServiceImplementation {
  const refusal = failure(status.UNIMPLEMENTED, 'not part of the stand-in');
  return Object.fromEntries(
    methods.map((method) => [
      method,
      (call: EventEmitter, answer?: (error: Error) => void) => {
        count(method);
        if (answer) answer(refusal);
        else call.emit('error', refusal);
      },
    ]),
  ) as UntypedServiceImplementation;
}

function appendSystemEvents(events: StoredEvents, number: number): void {
  const statistics = Array.from({ length: number }, () => ({
    id: randomUUID(),
    metadata: new Map([
      ['type', '$statsCollected'],
      ['content-type', 'application/json'],
    ]),
    data: Buffer.from('{"proc-cpu":1}'),
    customMetadata: new Uint8Array(),
  }));
  events.append('$stats-127.0.0.1:2113', 'any', statistics);
}
