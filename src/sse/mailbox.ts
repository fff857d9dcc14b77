/** Events that one reader has received and not taken yet, in order. Their total weight is counted. */
export class Mailbox<Item extends object> {
  private readonly items: Item[] = [];
  private weight = 0;
  private failure: Error | undefined;
  private wake: (() => void) | undefined;

  constructor(
    private readonly weightOf: (item: Item) => number,
    /** Gets the total weight whenever it grows. */
    private readonly onGrowth: (weight: number) => void,
  ) {}

  /** The reader has taken everything and waits for more. */
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

  /** The reader gets the items that were put before, then this error. */
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

  /** Call it synchronously after finding no items: none can arrive in between. */
  private arrival(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve;
    });
  }
}
