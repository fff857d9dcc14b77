import { open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';

/** A rename or a new name survives a power cut only once its directory was flushed. */
export async function flush(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** After a crash at any moment the file holds either all of the text or what it held before. */
export async function writeWhole(path: string, text: string): Promise<void> {
  const draft = `${path}.new`;
  const handle = await open(draft, 'w', 0o644);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(draft, path);
  await flush(dirname(path));
}
