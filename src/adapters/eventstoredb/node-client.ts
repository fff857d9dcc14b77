import { isIP } from 'node:net';
import { checkServerIdentity } from 'node:tls';
import { EventStoreDBClient } from '@eventstore/db-client';
import gossipService from '@eventstore/db-client/generated/gossip_grpc_pb.js';
import gossip from '@eventstore/db-client/generated/gossip_pb.js';
import serverFeatures from '@eventstore/db-client/generated/serverfeatures_grpc_pb.js';
import type features from '@eventstore/db-client/generated/serverfeatures_pb.js';
import shared from '@eventstore/db-client/generated/shared_pb.js';
import streamsService from '@eventstore/db-client/generated/streams_grpc_pb.js';
import {
  Channel,
  type ChannelOptions,
  type ClientUnaryCall,
  credentials as channelCredentials,
  type ServiceError,
} from '@grpc/grpc-js';
import type { ClusterMember, EndPoint } from './end-point.js';
import { NoAnswer } from './outage.js';
import type { ServerAddress } from './server-address.js';

const KEEP_ALIVE_MS = 10_000;
const KEEP_ALIVE_ANSWER_MS = 5_000;
/** Any event that a server may hold: 16 MB, and what is around it. */
const ANSWER_BYTES_MAX = 17 * 1024 * 1024;
/** TLS lets a client name a host, but not by a number. This is the name in the certificates of the server's own tool. */
const NAME_OF_NUMBERS = 'eventstoredb-node';

/** The client, without what it does behind our back. */
export class NodeClient extends EventStoreDBClient {
  /** Known as soon as the first call is on its way. */
  endPoint: EndPoint | undefined;
  private channel: Promise<Channel> | undefined;

  /** `nth` is how many there were before: clients that look the same would share a connection, and its growing pauses. */
  constructor(
    private readonly server: ServerAddress,
    private readonly findEndPoint: () => Promise<EndPoint>,
    private readonly nth: number,
  ) {
    const { hosts, insecure, certificates, credentials, connectionName } = server;
    const settings = { endpoint: hosts[0], ...(connectionName !== undefined && { connectionName }) };
    super(settings, { insecure, ...certificates }, credentials);
  }

  /**
   * It would append with BatchAppend as soon as a server offers that, and there it keeps the promises of all streams of
   * all clients together: one error rejects them all, and a late answer throws where nothing can catch it. AppendBatch
   * makes that call instead.
   */
  protected override supports = async (): Promise<boolean> => false;

  /**
   * It would close the channel at the first error that looks like an outage, under calls that have nothing to do with it;
   * and one that is just being made then throws inside a promise's executor, which ends the process.
   */
  protected override handleError = async (): Promise<void> => {};

  /** It would ask one node of a cluster after the other, and name hosts to TLS by their numbers. */
  protected override getChannel = (): Promise<Channel> => {
    this.channel ??= this.openChannel();
    return this.channel;
  };

  /** A call for many appends, open until it is cancelled. */
  openBatch = this.GRPCStreamCreator(streamsService.StreamsClient, 'batchAppend', (client) =>
    client.batchAppend(...this.callArguments({ requiresLeader: true }, { deadline: Number.POSITIVE_INFINITY })),
  );

  /** What this node says of the cluster that it belongs to. */
  async members(withinMs: number): Promise<readonly ClusterMember[]> {
    const info = await this.execute(gossipService.GossipClient, 'members', (client) =>
      answerOf<gossip.ClusterInfo>((answer) => client.read(new shared.Empty(), answer), withinMs),
    );
    return info.getMembersList().flatMap(memberOf);
  }

  /** Of the server, as `23.10.6`. Servers before 21.10 do not know this call. */
  async version(withinMs: number): Promise<string> {
    const methods = await this.execute(serverFeatures.ServerFeaturesClient, 'version', (client) =>
      answerOf<features.SupportedMethods>((answer) => client.getSupportedMethods(new shared.Empty(), answer), withinMs),
    );
    return methods.getEventStoreServerVersion();
  }

  /** For when the last call has ended. */
  async closeChannel(): Promise<void> {
    const channel = await this.channel?.catch(() => undefined);
    channel?.close();
  }

  private async openChannel(): Promise<Channel> {
    this.endPoint = await this.findEndPoint();
    const { address, port } = this.endPoint;
    return new Channel(`${address}:${port}`, this.credentialsFor(address), {
      'grpc.keepalive_time_ms': KEEP_ALIVE_MS + (this.nth % 1_000),
      'grpc.keepalive_timeout_ms': KEEP_ALIVE_ANSWER_MS,
      'grpc.max_receive_message_length': ANSWER_BYTES_MAX,
      ...(isNumber(address) && { 'grpc.ssl_target_name_override': NAME_OF_NUMBERS }),
    } satisfies ChannelOptions);
  }

  private credentialsFor(address: string) {
    const { insecure, certificates } = this.server;
    if (insecure) return channelCredentials.createInsecure();
    const { rootCertificate = null, userKeyFile = null, userCertFile = null } = certificates;
    // TLS got another name, but the certificate must be valid for the address.
    const options = isNumber(address) && {
      checkServerIdentity: (_: string, certificate: Parameters<typeof checkServerIdentity>[1]) =>
        checkServerIdentity(withoutBrackets(address), certificate),
    };
    return channelCredentials.createSsl(rootCertificate, userKeyFile, userCertFile, options || {});
  }
}

/** The client waits for these calls as long as they take. */
function answerOf<T>(
  ask: (answer: (error: ServiceError | null, value: T) => void) => ClientUnaryCall,
  withinMs: number,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const call = ask((error, value) => (error ? reject(error) : resolve(value)));
    const timer = setTimeout(() => {
      call.cancel();
      reject(new NoAnswer(`no answer within ${withinMs} ms`));
    }, withinMs);
    call.on('status', () => clearTimeout(timer));
  });
}

const withoutBrackets = (address: string): string => address.replace(/^\[|\]$/g, '');
const isNumber = (address: string): boolean => isIP(withoutBrackets(address)) !== 0;

function memberOf(info: gossip.MemberInfo): ClusterMember[] {
  const endPoint = info.getHttpEndPoint();
  if (!endPoint) return [];
  const isLeader = info.getState() === gossip.MemberInfo.VNodeState.LEADER;
  return [{ address: endPoint.getAddress(), port: endPoint.getPort(), isAlive: info.getIsAlive(), isLeader }];
}
