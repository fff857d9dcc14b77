import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startChild } from './child.mjs';
import { KEY } from './turn-client.mjs';

export const startProvider = () => startChild([join(import.meta.dirname, 'stream', 'provider.mjs')]);

/** The built product on a database that stands, asking a provider. */
export async function startProduct({ connection: { host, port, user, database } }, provider) {
  const dataDir = mkdtempSync(join(tmpdir(), 'verbatim-bench-data-'));
  chmodSync(dataDir, 0o755);
  const product = await startChild([join(import.meta.dirname, '..', '..', 'dist', 'main.js')], {
    PORT: '0',
    DATABASE_URL: `postgres://${user}@localhost/${database}?host=${encodeURIComponent(host)}&port=${port}`,
    VERBATIM_DATA_DIR: dataDir,
    VERBATIM_ADMIN_KEY: KEY,
    OPENAI_BASE_URL: `${provider.address}/v1`,
    VERBATIM_MODEL: 'bench',
    LOG_LEVEL: 'fatal',
  });
  const stop = async () => {
    await product.stop();
    rmSync(dataDir, { recursive: true, force: true });
  };
  return { ...product, stop };
}
