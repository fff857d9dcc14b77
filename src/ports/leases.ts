/** An exclusive right for a limited time. The epoch grows with each new holder of a name. */
export interface Lease {
  readonly name: string;
  readonly holder: string;
  readonly epoch: number;
}

/** Only the store measures time, so the clocks of nodes need not agree. Throws RetryableError if the store is away. */
export interface Leases {
  /** The lease, if the name is free or its lease has expired. Undefined while another process holds it. */
  acquire(name: string, holder: string, durationMs: number): Promise<Lease | undefined>;
  /** False if the lease is lost: the former holder must stop at once. */
  renew(lease: Lease, durationMs: number): Promise<boolean>;
  /** Releases the name before the lease expires. */
  release(lease: Lease): Promise<void>;
  /** The number of held names with this prefix. */
  count(namesBeginning: string): Promise<number>;
}
