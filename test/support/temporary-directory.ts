import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Runs `work` in a new directory that any user may enter, and deletes it whatever happens. */
export async function withTemporaryDirectory<T>(work: (directory: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'verbatim-test-'));
  try {
    await chmod(directory, 0o755);
    return await work(directory);
  } finally {
    // A server whose owner was killed may still be writing its last file.
    await rm(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 250 });
  }
}
