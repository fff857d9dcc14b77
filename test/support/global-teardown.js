import { rm } from 'node:fs/promises';

export default async function tearDown() {
  await globalThis.stopSharedPostgres?.();
  const directory = process.env.VERBATIM_TEST_CLUSTERS;
  // A server whose test died shuts down by itself and may still be writing.
  if (directory) await rm(directory, { recursive: true, force: true, maxRetries: 20, retryDelay: 250 });
}
