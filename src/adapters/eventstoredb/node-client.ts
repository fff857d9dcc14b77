import { EventStoreDBClient } from '@eventstore/db-client';
import type { ServerAddress } from './server-address.js';

export interface EndPoint {
  readonly address: string;
  readonly port: number;
}

const KEEP_ALIVE_MS = 10_000;
const KEEP_ALIVE_ANSWER_MS = 5_000;

/** The client, without what it does behind our back. */
export class NodeClient extends EventStoreDBClient {
  /**
   * It would append with BatchAppend as soon as a server offers that, and there it keeps the promises of all streams of
   * all clients together: one error rejects them all, and an answer that comes late throws where nobody can catch it.
   */
  protected override supports = async (): Promise<boolean> => false;

  /**
   * It would close the channel at the first error that looks like an outage, under calls that have nothing to do with it;
   * and one that is just being made then throws inside a promise's executor, which ends the process.
   */
  protected override handleError = async (): Promise<void> => {};

  /** For when the last call has ended. */
  async closeChannel(): Promise<void> {
    const channel = await this.getChannel().catch(() => undefined);
    channel?.close();
  }
}

/** `nth` is how many there were before: clients that look the same would share a connection, and its growing pauses. */
export function nodeClient(address: ServerAddress, leader: EndPoint | undefined, nth: number): NodeClient {
  const { insecure, certificates, credentials, discovery, connectionName } = address;
  const settings = {
    keepAliveInterval: KEEP_ALIVE_MS + (nth % 1_000),
    keepAliveTimeout: KEEP_ALIVE_ANSWER_MS,
    ...(connectionName !== undefined && { connectionName }),
  };
  const channel = { insecure, ...certificates };
  const [first] = address.hosts;
  if (leader) return new NodeClient({ endpoint: leader, ...settings }, channel, credentials);
  if (address.discover) return new NodeClient({ discover: first, ...discovery, ...settings }, channel, credentials);
  if (address.hosts.length === 1) return new NodeClient({ endpoint: first, ...settings }, channel, credentials);
  return new NodeClient({ endpoints: [...address.hosts], ...discovery, ...settings }, channel, credentials);
}
