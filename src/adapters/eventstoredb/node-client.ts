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
/** The largest event of a server, 16 MB, with its envelope. */
const ANSWER_BYTES_MAX = 17 * 1024 * 1024;
/** TLS lets a client name a host, but not by a number. This is the name in the certificates of the server's own tool. */
const NAME_OF_NUMBERS = 'eventstoredb-node';

/** The official client without its own reconnects, batch appends and discovery. */
export class NodeClient extends EventStoreDBClient {
  /** The address. Known after the first call has begun. */
  endPoint: EndPoint | undefined;
  private channel: Promise<Channel> | undefined;

  /** `nth` makes each client different, because equal clients share a connection with its growing pauses. */
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
   * The client would use BatchAppend if the server offers it, with one map of promises for all clients: one error rejects
   * all of them, and a late answer throws an error that cannot be caught. AppendBatch makes that call instead.
   */
  protected override supports = async (): Promise<boolean> => false;

  /**
   * The client would close the channel at the first error that looks like an outage, also under other calls. A call that
   * begins at that moment throws inside a promise's executor, which ends the process.
   */
  protected override handleError = async (): Promise<void> => {};

  /** The client would query the nodes of a cluster one after the other, and give TLS their IP addresses as names. */
  protected override getChannel = (): Promise<Channel> => {
    this.channel ??= this.openChannel();
    return this.channel;
  };

  /** Opens a call for many appends, which ends when it is cancelled. */
  openBatch = this.GRPCStreamCreator(streamsService.StreamsClient, 'batchAppend', (client) =>
    client.batchAppend(...this.callArguments({ requiresLeader: true }, { deadline: Number.POSITIVE_INFINITY })),
  );

  /** The members of the cluster, as this node reports them. */
  async members(withinMs: number): Promise<readonly ClusterMember[]> {
    const info = await this.execute(gossipService.GossipClient, 'members', (client) =>
      answerOf<gossip.ClusterInfo>((answer) => client.read(new shared.Empty(), answer), withinMs),
    );
    return info.getMembersList().flatMap(memberOf);
  }

  /** The version of the server, such as `23.10.6`. Servers before 21.10 do not know this call. */
  async version(withinMs: number): Promise<string> {
    const methods = await this.execute(serverFeatures.ServerFeaturesClient, 'version', (client) =>
      answerOf<features.SupportedMethods>((answer) => client.getSupportedMethods(new shared.Empty(), answer), withinMs),
    );
    return methods.getEventStoreServerVersion();
  }

  /** Call it after the last call has ended. */
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

/** Calls without a deadline in the client. */
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
