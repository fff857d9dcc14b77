/** Where a node takes calls. */
export interface EndPoint {
  readonly address: string;
  readonly port: number;
}

/** What one node says of another, or of itself. */
export interface ClusterMember extends EndPoint {
  readonly isAlive: boolean;
  readonly isLeader: boolean;
}

export const isSame = (one: EndPoint, other: EndPoint): boolean =>
  one.address === other.address && one.port === other.port;
