import { createHash, randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KeptNotes } from '../../ports/record.js';

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

  /** Replaces the file as a whole: a crash leaves the note before. A rename survives a power cut once its folder is flushed. */
  async keep(origin: string, note: string): Promise<void> {
    const file = this.file(origin);
    // A replaced owner may still write when its successor does.
    const draft = `${file}.${randomUUID()}`;
    await mkdir(this.folder, { recursive: true });
    try {
      await writeFile(draft, note, { mode: 0o600, flag: 'wx', flush: true });
      await rename(draft, file);
    } finally {
      await rm(draft, { force: true });
    }
    await flush(this.folder);
  }

  /** The tenant for people, and a hash, because some file systems take no slash and ignore case. */
  private file(origin: string): string {
    const hash = createHash('sha256').update(origin).digest('hex').slice(0, 16);
    return join(this.folder, `${origin.split('/').at(-1)}.${hash}.note`);
  }
}

async function flush(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
