import { type Position, START } from '../../../src/events/envelope.js';
import type { Checkpoints } from '../../../src/ports/checkpoints.js';

export class MemoryCheckpoints implements Checkpoints {
  private readonly rows = new Map<string, { epoch: number; position: Position }>();

  async read(name: string): Promise<Position> {
    return this.rows.get(name)?.position ?? START;
  }

  async open(name: string, epoch: number): Promise<Position | undefined> {
    const position = await this.read(name);
    return (await this.save(name, epoch, position)) ? position : undefined;
  }

  /** Moves the checkpoint from one position to another, for a store that writes both at once. */
  move({ name, epoch }: { readonly name: string; readonly epoch: number }, from: Position, to: Position): boolean {
    const row = this.rows.get(name);
    if (row?.epoch !== epoch || row.position !== from) return false;
    this.rows.set(name, { epoch, position: to });
    return true;
  }

  isAt({ name, epoch }: { readonly name: string; readonly epoch: number }): boolean {
    return this.rows.get(name)?.epoch === epoch;
  }

  forget(name: string): void {
    const row = this.rows.get(name);
    if (row) this.rows.set(name, { epoch: row.epoch + 1, position: START });
  }

  laterEpoch(name: string): void {
    const row = this.rows.get(name);
    if (row) this.rows.set(name, { ...row, epoch: row.epoch + 1 });
  }

  async save(name: string, epoch: number, position: Position): Promise<boolean> {
    if ((this.rows.get(name)?.epoch ?? 0) > epoch) return false;
    this.rows.set(name, { epoch, position });
    return true;
  }
}
