import { setTimeout as sleep } from 'node:timers/promises';
import { limits } from '../../limits.js';
import { type ClusterMember, type EndPoint, isSame } from './end-point.js';
import { NoLeader } from './outage.js';

/** Asks a node for all members of the cluster. Rejects if it does not answer in time. */
type MembersAt = (node: EndPoint, withinMs: number) => Promise<readonly ClusterMember[]>;

/**
 * Finds the leader of a cluster. It queries all known nodes at once, so a silent node delays nothing. The leader has to
 * confirm that it leads: until the others have elected a new one, they name a leader that may be dead.
 */
export class Cluster {
  private readonly known = new Map<string, EndPoint>();
  private search: Promise<EndPoint> | undefined;
  private isClosed = false;

  constructor(
    seeds: readonly EndPoint[],
    private readonly membersAt: MembersAt,
  ) {
    this.learn(seeds);
  }

  /** All callers share one search. Throws NoLeader when it takes too long. */
  leader(): Promise<EndPoint> {
    this.search ??= this.find().finally(() => {
      this.search = undefined;
    });
    return this.search;
  }

  /** An open search ends after its present round. */
  close(): void {
    this.isClosed = true;
  }

  private async find(): Promise<EndPoint> {
    const giveUpAt = performance.now() + limits.leaderSearchMs;
    let isAnswered = false;
    while (performance.now() < giveUpAt && !this.isClosed) {
      const asked = new Round(this.membersAt);
      try {
        return await Promise.any([...this.known.values()].map((node) => this.leaderNamedBy(node, asked)));
      } catch (error) {
        // Nodes may fail in different ways. It only matters whether any node answered.
        if (!(error instanceof AggregateError)) throw error;
      }
      isAnswered ||= asked.isAnswered;
      await sleep(limits.leaderSearchPauseMs);
    }
    throw new NoLeader(isAnswered);
  }

  private async leaderNamedBy(node: EndPoint, asked: Round): Promise<EndPoint> {
    const members = await asked.membersAt(node);
    this.learn(members);
    const leader = leaderAmong(members);
    if (!isSame(leaderAmong(await asked.membersAt(leader)), leader)) throw new NoLeader(true);
    return leader;
  }

  private learn(nodes: readonly EndPoint[]): void {
    for (const node of nodes) this.known.set(`${node.address}:${node.port}`, node);
  }
}

/** Queries each node once in a round, however many others name it. */
class Round {
  isAnswered = false;
  private readonly answers = new Map<string, Promise<readonly ClusterMember[]>>();

  constructor(private readonly ask: MembersAt) {}

  membersAt(node: EndPoint): Promise<readonly ClusterMember[]> {
    const name = `${node.address}:${node.port}`;
    const answer = this.answers.get(name) ?? this.asked(node);
    this.answers.set(name, answer);
    return answer;
  }

  private async asked(node: EndPoint): Promise<readonly ClusterMember[]> {
    const members = await this.ask(node, limits.gossipAnswerMs);
    this.isAnswered = true;
    return members;
  }
}

function leaderAmong(members: readonly ClusterMember[]): EndPoint {
  const leader = members.find(({ isAlive, isLeader }) => isAlive && isLeader);
  if (!leader) throw new NoLeader(true);
  return { address: leader.address, port: leader.port };
}
