import { type EndPoint, type NodeClient, nodeClient } from './node-client.js';
import { isOfNode, leaderNamedBy, NoAnswer } from './outage.js';
import type { ServerAddress } from './server-address.js';

/** One client, and how many calls are under way on it. */
interface Node {
  readonly client: NodeClient;
  calls: number;
  isLeft: boolean;
}

export interface Held {
  readonly client: NodeClient;
  /** Tells what went wrong, so that the next call may go elsewhere. */
  failed(error: unknown): void;
  release(): void;
}

/** How far a timer of ours may lag behind the deadline that the server was told. */
const GRACE_MS = 500;

/**
 * The way to the servers. After an error of a node the next call gets a client of its own; those that are under way keep
 * theirs, and the last of them closes it: an error of one call touches no other.
 */
export class Connection {
  private clients = 0;
  private current: Node;

  constructor(
    private readonly address: ServerAddress,
    /** What answers after this may be another node, or one that was given other files. */
    private readonly onNodeFailure: () => void = () => {},
  ) {
    this.current = this.newNode();
  }

  get description(): string {
    return this.address.description;
  }

  hold(): Held {
    const node = this.current;
    node.calls += 1;
    let isHeld = true;
    return {
      client: node.client,
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

  /**
   * One call, and its answer within a time of our own: the client waits for some of them as long as it takes. `over` tells
   * the work that nobody waits for it any more.
   */
  async call<T>(answerMs: number, work: (client: NodeClient, over: AbortSignal) => Promise<T>): Promise<T> {
    const held = this.hold();
    const over = new AbortController();
    try {
      return await answered(work(held.client, over.signal), answerMs + GRACE_MS);
    } catch (error) {
      if (error instanceof NoAnswer) over.abort();
      held.failed(error);
      throw error;
    } finally {
      held.release();
    }
  }

  /** At once, or with the last call that is under way. */
  close(): void {
    this.current.isLeft = true;
    this.closeIfOver(this.current);
  }

  private newNode(leader?: EndPoint): Node {
    this.clients += 1;
    return { client: nodeClient(this.address, leader, this.clients), calls: 0, isLeft: false };
  }

  private leave(node: Node, leader: EndPoint | undefined): void {
    node.isLeft = true;
    this.current = this.newNode(leader);
    this.closeIfOver(node);
  }

  private closeIfOver(node: Node): void {
    if (node.isLeft && node.calls === 0) void node.client.closeChannel();
  }
}

async function answered<T>(answer: Promise<T>, withinMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new NoAnswer(`no answer within ${withinMs} ms`)), withinMs);
  });
  // Whichever comes late is nobody's any more, and must not be taken for an error that nobody handles.
  answer.catch(() => {});
  try {
    return await Promise.race([answer, silence]);
  } finally {
    clearTimeout(timer);
  }
}
