/** The address of a node. */
export interface EndPoint {
  readonly address: string;
  readonly port: number;
}

/** The state of a node, reported by itself or by another node. */
export interface ClusterMember extends EndPoint {
  readonly isAlive: boolean;
  readonly isLeader: boolean;
}

export const isSame = (one: EndPoint, other: EndPoint): boolean =>
  one.address === other.address && one.port === other.port;
