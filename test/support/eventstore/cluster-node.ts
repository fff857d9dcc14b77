import gossip from '@eventstore/db-client/generated/gossip_pb.js';
import { type Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { failure, notLeader } from './appends.js';
import type { StoredEvents } from './stored-events.js';

/** A cluster as its nodes see it. What one node holds, all hold at once. */
export interface ClusterView {
  readonly events: StoredEvents;
  /** By their ports. */
  readonly members: () => readonly { readonly port: number; readonly isAlive: boolean; readonly isLeader: boolean }[];
}

const { LEADER, FOLLOWER } = gossip.MemberInfo.VNodeState;

export function gossipOf({ members }: ClusterView, count: (method: string) => void) {
  return {
    read(_: unknown, answer: (error: null, info: gossip.ClusterInfo) => void) {
      count('members');
      const infos = members().map((member) => {
        const endPoint = new gossip.EndPoint().setAddress('127.0.0.1').setPort(member.port);
        const info = new gossip.MemberInfo().setHttpEndPoint(endPoint).setIsAlive(member.isAlive);
        return info.setState(member.isLeader ? LEADER : FOLLOWER);
      });
      answer(null, new gossip.ClusterInfo().setMembersList(infos));
    },
  };
}

/** What a node answers to a call that asks for the leader, unless it leads. */
export function misdirection(
  metadata: Metadata,
  cluster: ClusterView | undefined,
  port: number,
): ServiceError | undefined {
  if (!cluster || metadata.get('requires-leader').length === 0) return undefined;
  const leader = cluster.members().find(({ isLeader }) => isLeader);
  if (!leader) return failure(status.UNAVAILABLE, 'Server Is Not Ready');
  return leader.port === port ? undefined : notLeader(leader.port);
}
