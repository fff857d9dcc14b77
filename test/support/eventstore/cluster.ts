import { type StandIn, startStandIn } from './stand-in.js';
import { StoredEvents } from './stored-events.js';

/** Three stand-ins that hold the same events. One of them leads, and a test says which. */
export class StandInCluster {
  private leader: number | undefined = 0;
  private readonly dead = new Set<number>();
  private readonly nodes: StandIn[] = [];

  static async start(): Promise<StandInCluster> {
    const cluster = new StandInCluster();
    const view = { events: new StoredEvents(), members: () => cluster.members() };
    for (let nth = 0; nth < 3; nth++) cluster.nodes.push(await startStandIn({ cluster: view }));
    return cluster;
  }

  get url(): string {
    return `esdb://${this.nodes.map(({ port }) => `127.0.0.1:${port}`).join(',')}?tls=false`;
  }

  node(nth: number): StandIn {
    const node = this.nodes[nth];
    if (!node) throw new Error(`there is no node ${nth}`);
    return node;
  }

  /** The others go on naming it as their living leader, until they have elected another one. */
  freeze(nth: number): void {
    this.node(nth).freeze();
  }

  /** The nodes know no leader, and take the one before for dead. */
  beginElection(): void {
    if (this.leader !== undefined) this.dead.add(this.leader);
    this.leader = undefined;
  }

  elect(nth: number): void {
    if (this.leader !== undefined && this.leader !== nth) this.dead.add(this.leader);
    this.dead.delete(nth);
    this.leader = nth;
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.stop()));
  }

  private members() {
    return this.nodes.map(({ port }, nth) => ({ port, isAlive: !this.dead.has(nth), isLeader: this.leader === nth }));
  }
}
