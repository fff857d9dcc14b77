import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KeptNote, KeptNotes } from '../../ports/record.js';
import { replaceFlushed } from './flushed-files.js';

const FILE = /^(.+)\.[0-9a-f]{16}\.note$/;

/** The last note of each tree, as a file in the folder `record` of the data directory. */
export class NoteFiles implements KeptNotes {
  private readonly folder: string;

  constructor(dataDir: string) {
    this.folder = join(dataDir, 'record');
  }

  async read(origin: string): Promise<string | undefined> {
    try {
      return await readFile(this.file(origin), 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      return undefined;
    }
  }

  async *all(): AsyncGenerator<KeptNote> {
    for (const name of await readdir(this.folder).catch(noneIfMissing)) {
      const [, tenant] = FILE.exec(name) ?? [];
      if (tenant === undefined) continue;
      // The signer reads this file again before it signs, and reports what is wrong with it.
      const note = await readFile(join(this.folder, name), 'utf8').catch(() => undefined);
      yield { tenant, note };
    }
  }

  keep(origin: string, note: string): Promise<void> {
    return replaceFlushed(this.file(origin), note);
  }

  /** The tenant for people, and a hash, because some file systems take no slash and ignore case. */
  private file(origin: string): string {
    const hash = createHash('sha256').update(origin).digest('hex').slice(0, 16);
    return join(this.folder, `${origin.split('/').at(-1)}.${hash}.note`);
  }
}

function noneIfMissing(error: NodeJS.ErrnoException): string[] {
  if (error.code !== 'ENOENT') throw error;
  return [];
}
