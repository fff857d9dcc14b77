import { randomUUID } from 'node:crypto';
import { link, mkdir, open, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

/** Replaces a file as a whole: a crash leaves the text before. A rename survives a power cut once its folder is flushed. */
export async function replaceFlushed(file: string, text: string): Promise<void> {
  // Another process may write the same file.
  const draft = `${file}.${randomUUID()}`;
  await mkdir(dirname(file), { recursive: true });
  try {
    await writeFile(draft, text, { mode: 0o600, flag: 'wx', flush: true });
    await rename(draft, file);
  } finally {
    await rm(draft, { force: true });
  }
  await flushFolder(dirname(file));
}

/** Also flushes a folder that exists: a crash may have come between its creation and its flush. */
export async function createFolderFlushed(folder: string): Promise<void> {
  const created = await mkdir(folder, { recursive: true });
  let parent = dirname(folder);
  await flushFolder(parent);
  while (created !== undefined && parent !== dirname(created)) {
    parent = dirname(parent);
    await flushFolder(parent);
  }
}

/**
 * Writes the whole file or none. One that exists stays: false. A link to a name that exists fails, so of two processes only one
 * writes it.
 */
export async function createOnce(file: string, text: string): Promise<boolean> {
  const draft = `${file}.${randomUUID()}`;
  try {
    await writeFile(draft, text, { mode: 0o600, flag: 'wx', flush: true });
    await link(draft, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return false;
  } finally {
    await rm(draft, { force: true });
  }
  await flushFolder(dirname(file));
  return true;
}

export async function flushFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
