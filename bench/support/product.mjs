import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startChild } from './child.mjs';

export const KEY = `vb_bench_${'0123456789abcdef'.repeat(2)}`;

/** The built product as a process of its own, on this database and with this provider. */
export async function startProduct({ host, port, user, database }, provider, nodeOptions = []) {
  const dataDir = mkdtempSync(join(tmpdir(), 'verbatim-bench-data-'));
  chmodSync(dataDir, 0o755);
  const product = await startChild([...nodeOptions, join(import.meta.dirname, '..', '..', 'dist', 'main.js')], {
    PORT: '0',
    DATABASE_URL: `postgres://${user}@localhost/${database}?host=${encodeURIComponent(host)}&port=${port}`,
    VERBATIM_DATA_DIR: dataDir,
    VERBATIM_ADMIN_KEY: KEY,
    OPENAI_BASE_URL: `${provider}/v1`,
    VERBATIM_MODEL: 'bench',
    LOG_LEVEL: 'fatal',
  });
  return {
    ...product,
    async stop() {
      await product.stop();
      rmSync(dataDir, { recursive: true, force: true });
    },
  };
}

/** The text of an answer that must be a good one. */
export async function ask(address, method, path, body, headers = {}) {
  const response = await fetch(`${address}/api/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${KEY}`, ...(body && { 'content-type': 'application/json' }), ...headers },
    ...(body && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return text;
}
