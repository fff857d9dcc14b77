import { randomBytes, randomUUID } from 'node:crypto';
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { NoteSigner } from '../../formats/record-1/note.js';

const SEED_BYTES = 32;

/** The file of the signing key does not have one. It must be restored: with another key no verifier accepts the notes. */
export class InvalidRecordKey extends Error {}

/** The key that signs the record: of the setting, or of the file `record.key`, which the first start creates. */
export async function openRecordKey(dataDir: string, setting: string | undefined): Promise<NoteSigner> {
  if (setting !== undefined) return new NoteSigner(Buffer.from(setting, 'base64'));
  const file = join(dataDir, 'record.key');
  await mkdir(dataDir, { recursive: true });
  const text = (await contentOf(file)) ?? (await created(file));
  const seed = Buffer.from(text.trim(), 'base64');
  if (seed.length !== SEED_BYTES)
    throw new InvalidRecordKey(`${file} does not hold a key: expected 32 bytes as base64`);
  return new NoteSigner(seed);
}

async function contentOf(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return undefined;
  }
}

/** Writes the whole file or none. Of two processes that start at once, both use the key of the first. */
async function created(file: string): Promise<string> {
  const draft = `${file}.${randomUUID()}`;
  await writeFile(draft, `${randomBytes(SEED_BYTES).toString('base64')}\n`, { mode: 0o600, flag: 'wx', flush: true });
  try {
    await link(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await rm(draft);
  }
  return readFile(file, 'utf8');
}
