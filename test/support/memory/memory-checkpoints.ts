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

  async save(name: string, epoch: number, position: Position): Promise<boolean> {
    if ((this.rows.get(name)?.epoch ?? 0) > epoch) return false;
    this.rows.set(name, { epoch, position });
    return true;
  }
}
