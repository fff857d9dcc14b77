import { setMaxListeners } from 'node:events';
import { limits } from '../../limits.js';
import { Cluster } from './cluster.js';
import { type ClusterMember, type EndPoint, isSame } from './end-point.js';
import { NodeClient } from './node-client.js';
import { isOfNode, leaderNamedBy, NoAnswer, NoLeader } from './outage.js';
import type { ServerAddress } from './server-address.js';

/** One client, with the number of its open calls. */
interface ConnectedNode {
  readonly client: NodeClient;
  /** Aborted when another node is known to lead, because an answer of this one would come late or never. */
  readonly replaced: AbortController;
  /** Aborted when the next call goes to another client. */
  readonly left: AbortController;
  calls: number;
}

export interface Held {
  readonly client: NodeClient;
  readonly replaced: AbortSignal;
  readonly left: AbortSignal;
  /** Starts a search for the leader, if the node has not answered for a while. */
  doubt(): void;
  /** Reports an error, so that the next call can use another node. */
  failed(error: unknown): void;
  release(): void;
}

/** How much later this process's timer may fire than the deadline that the server got. */
const GRACE_MS = 500;

/**
 * The connection to the servers. After an error of a node the next call gets a new client. Open calls keep the old one, and
 * the last of them closes it, so that an error of one call does not affect others. In a cluster, a call without an answer
 * for a second starts a search for the leader; if another node leads, the calls that wait for the old one end.
 */
export class Connection {
  private clients = 0;
  private readonly cluster: Cluster | undefined;
  private readonly nodes = new Set<ConnectedNode>();
  private current: ConnectedNode;

  constructor(
    private readonly address: ServerAddress,
    /** Later answers may be from another node, or from one with other files. */
    private readonly onNodeFailure: () => void = () => {},
  ) {
    if (address.isCluster) {
      this.cluster = new Cluster(address.hosts, (node, withinMs) => this.membersAt(node, withinMs));
    }
    this.current = this.newNode();
  }

  get description(): string {
    return this.address.description;
  }

  hold(): Held {
    return this.holdOn(this.current);
  }

  /**
   * Makes one call with a deadline, because the client waits for some calls without end. `over` is aborted when the answer
   * is no longer needed.
   */
  async call<T>(answerMs: number, work: (client: NodeClient, over: AbortSignal) => Promise<T>): Promise<T> {
    const node = this.current;
    const held = this.holdOn(node);
    const over = new AbortController();
    const doubt = this.cluster && setInterval(() => void this.findLeader(node), limits.leaderDoubtMs);
    try {
      return await answered(work(held.client, over.signal), answerMs + GRACE_MS, held.replaced);
    } catch (error) {
      if (error instanceof NoAnswer) over.abort();
      held.failed(error);
      throw error;
    } finally {
      clearInterval(doubt);
      held.release();
    }
  }

  /** Closes the client at once, or after its last open call. */
  close(): void {
    this.cluster?.close();
    this.current.left.abort();
    this.closeIfOver(this.current);
  }

  private holdOn(node: ConnectedNode): Held {
    node.calls += 1;
    let isHeld = true;
    return {
      client: node.client,
      replaced: node.replaced.signal,
      left: node.left.signal,
      doubt: () => void this.findLeader(node),
      failed: (error) => {
        if (!isOfNode(error)) return;
        this.onNodeFailure();
        if (node === this.current) this.leave(node, leaderNamedBy(error));
      },
      release: () => {
        if (!isHeld) return;
        isHeld = false;
        node.calls -= 1;
        this.closeIfOver(node);
      },
    };
  }

  private newNode(leader?: EndPoint): ConnectedNode {
    const replaced = new AbortController();
    setMaxListeners(0, replaced.signal);
    const client = this.clientOf(() => this.endPoint(leader));
    const node = { client, replaced, left: new AbortController(), calls: 0 };
    this.nodes.add(node);
    return node;
  }

  private clientOf(findEndPoint: () => Promise<EndPoint>): NodeClient {
    this.clients += 1;
    return new NodeClient(this.address, findEndPoint, this.clients);
  }

  private async endPoint(leader: EndPoint | undefined): Promise<EndPoint> {
    const endPoint = leader ?? (this.cluster ? await this.cluster.leader() : this.address.hosts[0]);
    this.endCallsOfOthers(endPoint);
    return endPoint;
  }

  /** A new client for each query: a reused one would wait longer after each failed connection. */
  private async membersAt(endPoint: EndPoint, withinMs: number): Promise<readonly ClusterMember[]> {
    const client = this.clientOf(async () => endPoint);
    try {
      return await client.members(withinMs);
    } finally {
      void client.closeChannel();
    }
  }

  private async findLeader(silent: ConnectedNode): Promise<void> {
    const { endPoint } = silent.client;
    // Without an address the call waits for the same search.
    if (!this.cluster || !endPoint) return;
    try {
      const leader = await this.cluster.leader();
      if (isSame(leader, endPoint)) return;
      if (silent === this.current) this.leave(silent, leader);
      this.endCallsOfOthers(leader);
    } catch (error) {
      // The call keeps waiting, and causes the next search.
      if (!(error instanceof NoLeader)) throw error;
    }
  }

  private endCallsOfOthers(leader: EndPoint): void {
    for (const { client, replaced } of this.nodes) {
      if (client.endPoint && !isSame(client.endPoint, leader)) replaced.abort();
    }
  }

  private leave(node: ConnectedNode, leader: EndPoint | undefined): void {
    this.current = this.newNode(leader);
    node.left.abort();
    this.closeIfOver(node);
  }

  private closeIfOver(node: ConnectedNode): void {
    if (!node.left.signal.aborted || node.calls > 0) return;
    this.nodes.delete(node);
    void node.client.closeChannel();
  }
}

async function answered<T>(answer: Promise<T>, withinMs: number, replaced: AbortSignal): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  let onReplaced = () => {};
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new NoAnswer(`no answer within ${withinMs} ms`)), withinMs);
    onReplaced = () => reject(new NoAnswer('another node leads'));
    replaced.addEventListener('abort', onReplaced);
    if (replaced.aborted) onReplaced();
  });
  // The late one is ignored, and must not become an unhandled rejection.
  answer.catch(() => {});
  try {
    return await Promise.race([answer, silence]);
  } finally {
    clearTimeout(timer);
    replaced.removeEventListener('abort', onReplaced);
  }
}
