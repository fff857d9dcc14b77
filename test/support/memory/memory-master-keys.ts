import { randomBytes } from 'node:crypto';
import type { MasterKeys } from '../../../src/ports/value-keys.js';

/** A folder that all processes of a test share. */
export class MemoryMasterKeys implements MasterKeys {
  readonly isOfOperator = false;
  readonly keys = new Map<number, Buffer>();

  async read(): Promise<ReadonlyMap<number, Buffer>> {
    return new Map(this.keys);
  }

  async next(generation: number): Promise<number> {
    const next = generation + 1;
    if (!this.keys.has(next)) this.keys.set(next, randomBytes(32));
    return next;
  }

  async destroy(generation: number): Promise<boolean> {
    this.keys.delete(generation);
    return true;
  }

  placeOf(generation: number): string {
    return `memory of generation ${generation}`;
  }
}
