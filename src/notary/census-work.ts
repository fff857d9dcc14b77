import { limits } from '../limits.js';
import { type OwnerParts, SoleOwner } from '../ownership/sole-owner.js';
import { CENSUS } from '../ports/census.js';
import type { CensusTaker } from './census-taker.js';

/** Takes censuses in one process at a time. */
export class CensusWork {
  private stopping = new AbortController();
  private work: Promise<void> | undefined;

  constructor(
    private readonly taker: Pick<CensusTaker, 'due' | 'look'>,
    private readonly parts: OwnerParts,
  ) {}

  start(): void {
    this.stopping = new AbortController();
    const owner = new SoleOwner({ name: CENSUS, own: (_, over) => this.own(over) }, this.parts);
    this.work = owner.run(this.stopping.signal);
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.work;
  }

  private async own(over: AbortSignal): Promise<void> {
    while (!over.aborted) {
      await this.round(over);
      await this.parts.clock.sleep(limits.censusLookMs, over);
    }
  }

  /** The failure of one tenant is reported after all others had their turn. */
  private async round(over: AbortSignal): Promise<void> {
    const failures: unknown[] = [];
    for (const tenant of await this.taker.due()) {
      if (over.aborted) return;
      await this.taker.look(tenant, over).catch((error) => failures.push(error));
    }
    if (failures.length > 0) throw failures[0];
  }
}
