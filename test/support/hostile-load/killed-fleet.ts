import { setTimeout as sleep } from 'node:timers/promises';
import { type Product, startProduct } from '../product.js';
import { until } from '../until.js';

/** How long both processes serve before one of them is killed. */
export interface Pause {
  readonly leastMs: number;
  readonly mostMs: number;
}

/** Two processes on one database. One at a time is killed at a drawn moment and started again. */
export class KilledFleet {
  /** From each kill until the process serves again. */
  readonly absences: { readonly fromMs: number; toMs: number }[] = [];
  private readonly serving: (Product | undefined)[] = [undefined, undefined];
  private asked = 0;

  constructor(
    private readonly environment: Record<string, string>,
    private readonly draw: () => number,
    private readonly pause: Pause,
  ) {}

  async start(): Promise<void> {
    await Promise.all(this.serving.map((_, nth) => this.begin(nth)));
  }

  /** The addresses of the living processes, each first in turn. */
  addresses(): string[] {
    const alive = this.serving.flatMap((product) => (product ? [product.address] : []));
    const first = this.asked++ % Math.max(1, alive.length);
    return [...alive.slice(first), ...alive.slice(0, first)];
  }

  address(): string | undefined {
    return this.addresses()[0];
  }

  async killUntil(over: AbortSignal): Promise<void> {
    while (!over.aborted) {
      const { leastMs, mostMs } = this.pause;
      const pauseMs = leastMs + this.draw() * (mostMs - leastMs);
      await sleep(pauseMs, undefined, { signal: over }).catch(() => {});
      if (over.aborted) return;
      const nth = this.draw() < 0.5 ? 0 : 1;
      await this.kill(nth);
      await this.begin(nth);
    }
  }

  async stop(): Promise<(number | null)[]> {
    return Promise.all(this.serving.flatMap((product) => (product ? [product.stop()] : [])));
  }

  said(): string {
    return this.serving.map((product) => product?.said() ?? 'not running').join('\n---\n');
  }

  private async kill(nth: number): Promise<void> {
    const victim = this.serving[nth];
    this.serving[nth] = undefined;
    this.absences.push({ fromMs: performance.now(), toMs: Number.POSITIVE_INFINITY });
    await victim?.stop('SIGKILL');
  }

  private async begin(nth: number): Promise<void> {
    const product = await startProduct(this.environment);
    // As a load balancer does: a process gets requests once it has said that it is ready.
    await until(async () => (await fetch(`${product.address}/health/ready`)).ok, 30_000);
    this.serving[nth] = product;
    const absence = this.absences.at(-1);
    if (absence) absence.toMs = performance.now();
  }
}
