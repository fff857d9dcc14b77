import type { KeptFold, KeptFoldStore } from '../../../src/ports/kept-folds.js';

export class MemoryKeptFolds implements KeptFoldStore {
  readonly rows = new Map<string, KeptFold>();

  async find(stream: string, version: number): Promise<KeptFold | undefined> {
    const row = this.rows.get(stream);
    return row?.version === version ? { ...row, bytes: Buffer.from(row.bytes) } : undefined;
  }

  async keep(fold: KeptFold): Promise<void> {
    const row = this.rows.get(fold.stream);
    const isOlder = row?.version === fold.version && row.revision >= fold.revision;
    if (!isOlder) this.rows.set(fold.stream, { ...fold, bytes: Buffer.from(fold.bytes) });
  }

  async forget(stream: string): Promise<void> {
    this.rows.delete(stream);
  }
}
