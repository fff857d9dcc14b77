import type { BackgroundHealth } from '../../src/ports/background-health.js';

/** Remembers what failed in the background, and which parts have not recovered. */
export class RecordedHealth implements BackgroundHealth {
  readonly failures: { readonly part: string; readonly error: unknown }[] = [];
  readonly failing = new Set<string>();

  failed(part: string, error: unknown): void {
    this.failures.push({ part, error });
    this.failing.add(part);
  }

  recovered(part: string): void {
    this.failing.delete(part);
  }
}
