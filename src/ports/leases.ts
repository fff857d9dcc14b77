/** The right to do something alone, for a while. The epoch grows each time a name changes hands. */
export interface Lease {
  readonly name: string;
  readonly holder: string;
  readonly epoch: number;
}

/** Time is measured by the store alone, so the clocks of nodes need not agree. Throws RetryableError when it is away. */
export interface Leases {
  /** The lease, when the name is free or its time has run out; nothing while another holds it. */
  acquire(name: string, holder: string, durationMs: number): Promise<Lease | undefined>;
  /** False if the lease is lost: the former holder must stop at once. */
  renew(lease: Lease, durationMs: number): Promise<boolean>;
  /** Frees the name for the next holder without waiting for the time to run out. */
  release(lease: Lease): Promise<void>;
  /** How many names that begin so are held. */
  count(namesBeginning: string): Promise<number>;
}
