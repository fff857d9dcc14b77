import { type OwnerParts, SoleOwner } from '../ownership/sole-owner.js';

export interface RoundsOfWork {
  /** Of the lease. */
  readonly name: string;
  readonly pauseMs: number;
  readonly round: (over: AbortSignal) => Promise<void>;
}

/** Work that one process at a time does again and again, with a pause between. */
export class SoleRounds {
  private stopping = new AbortController();
  private work: Promise<void> | undefined;

  constructor(
    private readonly rounds: RoundsOfWork,
    private readonly parts: OwnerParts,
  ) {}

  start(): void {
    this.stopping = new AbortController();
    const owner = new SoleOwner({ name: this.rounds.name, own: (_, over) => this.own(over) }, this.parts);
    this.work = owner.run(this.stopping.signal);
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    await this.work;
  }

  private async own(over: AbortSignal): Promise<void> {
    while (!over.aborted) {
      await this.rounds.round(over);
      await this.parts.clock.sleep(this.rounds.pauseMs, over);
    }
  }
}
