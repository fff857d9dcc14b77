import { randomBytes } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createOnce } from './flushed-files.js';

const SEED_BYTES = 32;

/** The file or the setting of a signing key does not have one. It must be restored: with another key no verifier accepts the signatures. */
export class InvalidSeed extends Error {}

/** The seed of a signing key in a file, which the first start creates. */
export async function openSeed(file: string): Promise<Buffer> {
  await mkdir(dirname(file), { recursive: true });
  const text = (await contentOf(file)) ?? (await created(file));
  const seed = Buffer.from(text.trim(), 'base64');
  if (seed.length !== SEED_BYTES) throw new InvalidSeed(`${file} does not hold a key: expected 32 bytes as base64`);
  return seed;
}

export async function contentOf(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return undefined;
  }
}

/** Of two processes that start at once, both use the key of the first. */
async function created(file: string): Promise<string> {
  await createOnce(file, `${randomBytes(SEED_BYTES).toString('base64')}\n`);
  return readFile(file, 'utf8');
}
