/** A semaphore. Waiting callers get a slot in the order of their calls. */
export class Slots {
  private readonly waiting: (() => void)[] = [];

  constructor(private left: number) {}

  get free(): number {
    return this.left;
  }

  tryTake(): boolean {
    if (this.left === 0) return false;
    this.left -= 1;
    return true;
  }

  async take(): Promise<void> {
    if (!this.tryTake()) await new Promise<void>((resolve) => this.waiting.push(resolve));
  }

  give(): void {
    const next = this.waiting.shift();
    if (next) next();
    else this.left += 1;
  }
}
