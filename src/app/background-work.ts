interface Runs {
  start(): void;
  stop(): Promise<void>;
}

/** What runs until the process stops. All of it is stopped at the same time, so a stop waits for the slowest part alone. */
export class BackgroundWork {
  private readonly running: Runs[] = [];

  start(...works: Runs[]): void {
    this.running.push(...works);
    for (const work of works) work.start();
  }

  async stop(): Promise<void> {
    const endings = await Promise.allSettled(this.running.map((work) => work.stop()));
    for (const ending of endings) if (ending.status === 'rejected') throw ending.reason;
  }
}
