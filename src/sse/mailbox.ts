/** What was heard and is not taken yet, for one reader: in order, each once, and weighed as long as it waits. */
export class Mailbox<Item extends object> {
  private readonly items: Item[] = [];
  private weight = 0;
  private failure: Error | undefined;
  private wake: (() => void) | undefined;

  constructor(
    private readonly weightOf: (item: Item) => number,
    /** Learns how much waits, whenever it grows. */
    private readonly onGrowth: (weight: number) => void,
  ) {}

  /** The reader has taken everything, and waits for more. */
  get isAwaited(): boolean {
    return this.wake !== undefined;
  }

  put(item: Item): void {
    if (this.failure) return;
    this.items.push(item);
    this.weight += this.weightOf(item);
    this.rouse();
    this.onGrowth(this.weight);
  }

  /** The reader gets what was put before, and then this. */
  fail(error: Error): void {
    this.failure ??= error;
    this.rouse();
  }

  async *taken(signal: AbortSignal): AsyncIterable<Item> {
    const rouse = () => this.rouse();
    signal.addEventListener('abort', rouse);
    try {
      while (!signal.aborted) {
        const item = this.items.shift();
        if (item) {
          this.weight -= this.weightOf(item);
          yield item;
        } else if (this.failure) throw this.failure;
        else await this.arrival();
      }
    } finally {
      signal.removeEventListener('abort', rouse);
    }
  }

  private rouse(): void {
    this.wake?.();
    this.wake = undefined;
  }

  /** Nothing can arrive between the look at the items and this: it is called at once. */
  private arrival(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve;
    });
  }
}
