import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { CosignedState, WitnessStates } from '../../ports/witness-states.js';
import { createOnce, flushFolder } from './flushed-files.js';

const FIRST = 1;

/**
 * A folder for each origin, and in it the last note as a file with its number. A link to a name that exists fails, so of two
 * writers only one keeps the next number. A file is deleted once a higher number is flushed: a writer that is late finds that
 * number, and takes its own back.
 */
export class WitnessFiles implements WitnessStates {
  constructor(private readonly folder: string) {}

  async last(origin: string): Promise<CosignedState | undefined> {
    for (;;) {
      const number = Math.max(0, ...(await this.numbers(origin)));
      if (number < FIRST) return undefined;
      try {
        return { number, note: await readFile(this.file(origin, number), 'utf8') };
      } catch (error) {
        // A writer has kept the next one and deleted this one meanwhile.
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      }
    }
  }

  async follow(origin: string, after: CosignedState | undefined, note: string): Promise<boolean> {
    const number = (after?.number ?? 0) + 1;
    const file = this.file(origin, number);
    await mkdir(this.folderOf(origin), { recursive: true });
    if (!(await createOnce(file, note))) return false;
    const numbers = await this.numbers(origin);
    if (Math.max(...numbers) > number) {
      await rm(file);
      return false;
    }
    await flushFolder(this.folder);
    for (const before of numbers.filter((each) => each < number)) await rm(this.file(origin, before), { force: true });
    return true;
  }

  private async numbers(origin: string): Promise<readonly number[]> {
    try {
      const names = await readdir(this.folderOf(origin));
      return names.filter((name) => /^[1-9]\d*$/.test(name)).map(Number);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      return [];
    }
  }

  private file(origin: string, number: number): string {
    return join(this.folderOf(origin), String(number));
  }

  /** Some file systems take no slash and ignore case. */
  private folderOf(origin: string): string {
    return join(this.folder, createHash('sha256').update(origin).digest('hex'));
  }
}
