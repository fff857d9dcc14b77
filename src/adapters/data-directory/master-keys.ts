import { randomBytes, randomUUID } from 'node:crypto';
import { link, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { KEY_BYTES } from '../../formats/value-1/value-key.js';
import type { MasterKeys } from '../../ports/value-keys.js';
import { flushFolder } from './flushed-files.js';

/** A file of a master key does not have one. It must be restored: another key opens nothing. */
export class InvalidMasterKey extends Error {}

/** `<generation>.key` in the folder `master` of the data directory. Processes that share the folder share the keys. */
export class MasterKeyFiles implements MasterKeys {
  readonly isOfOperator = false;
  private readonly folder: string;

  constructor(dataDir: string) {
    this.folder = join(dataDir, 'master');
  }

  async read(): Promise<ReadonlyMap<number, Buffer>> {
    const generations = (await namesIn(this.folder)).map(generationOf).filter((each) => each !== undefined);
    const keys = await Promise.all(generations.map(async (each) => [each, await this.keyOf(each)] as const));
    return new Map(keys.filter((entry): entry is [number, Buffer] => entry[1] !== undefined));
  }

  /** Writes the whole file or none. Of two processes, both use the file of the first. */
  async next(generation: number): Promise<number> {
    const next = generation + 1;
    await mkdir(this.folder, { recursive: true, mode: 0o700 });
    const draft = join(this.folder, `.${randomUUID()}`);
    const text = `${randomBytes(KEY_BYTES).toString('base64')}\n`;
    await writeFile(draft, text, { mode: 0o600, flag: 'wx', flush: true });
    try {
      await link(draft, this.placeOf(next)).catch((error) => ignore(error, 'EEXIST'));
    } finally {
      await rm(draft);
    }
    // Also if the file is of another process, which may not have come so far.
    await flushFolder(this.folder);
    return next;
  }

  async destroy(generation: number): Promise<boolean> {
    await rm(this.placeOf(generation), { force: true });
    await flushFolder(this.folder);
    return true;
  }

  placeOf(generation: number): string {
    return join(this.folder, `${generation}.key`);
  }

  /** Undefined for a file that was destroyed meanwhile. */
  private async keyOf(generation: number): Promise<Buffer | undefined> {
    const file = this.placeOf(generation);
    const text = await readFile(file, 'utf8').catch((error) => ignore(error, 'ENOENT'));
    if (text === undefined) return undefined;
    const key = Buffer.from(text.trim(), 'base64');
    if (key.length !== KEY_BYTES || key.toString('base64') !== text.trim()) {
      throw new InvalidMasterKey(`${file} does not hold a key: expected ${KEY_BYTES} bytes as base64`);
    }
    return key;
  }
}

/** The master keys of VERBATIM_MASTER_KEY. Its operator makes and destroys them. */
export class MasterKeySetting implements MasterKeys {
  readonly isOfOperator = true;

  /** The newest first. */
  constructor(private readonly keys: readonly (readonly [number, Buffer])[]) {}

  async read(): Promise<ReadonlyMap<number, Buffer>> {
    return new Map(this.keys);
  }

  async next(generation: number): Promise<number | undefined> {
    const [newest = 0] = this.keys[0] ?? [];
    return newest > generation ? newest : undefined;
  }

  async destroy(generation: number): Promise<boolean> {
    return this.keys.every(([each]) => each !== generation);
  }

  placeOf(): string {
    return 'VERBATIM_MASTER_KEY';
  }
}

async function namesIn(folder: string): Promise<string[]> {
  return (await readdir(folder).catch((error) => ignore(error, 'ENOENT'))) ?? [];
}

/** Other names are drafts of a killed process, or of the operator. */
function generationOf(name: string): number | undefined {
  const digits = /^([1-9]\d{0,8})\.key$/.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

function ignore(error: NodeJS.ErrnoException, code: string): undefined {
  if (error.code !== code) throw error;
}
