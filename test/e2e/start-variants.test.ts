import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { hashSecret } from '../../src/auth/api-key.js';
import { startTestPostgres, withMigratedDataDirectory } from '../support/postgres-cluster.js';
import { processesNaming, refusedStart, run, startProduct } from '../support/product.js';
import { stopsInOrder } from '../support/stops-in-order.js';
import { withTemporaryDirectory } from '../support/temporary-directory.js';
import { FIRST_KEY, tenantEventsIn } from '../support/tenant-events.js';
import { until } from '../support/until.js';

describe('a first start', () => {
  it('takes the key of VERBATIM_ADMIN_KEY instead, never prints it, and takes another one later', async () => {
    await withMigratedDataDirectory(async (dataDir) => {
      for (const secret of ['x'.repeat(32), 'x'.repeat(32), 'y'.repeat(32)]) {
        const product = await startProduct({ VERBATIM_DATA_DIR: dataDir, VERBATIM_ADMIN_KEY: `vb_root_${secret}` });
        await product.stop();
        expect(product.banner).not.toContain('vb_');
      }
      await expect(stat(join(dataDir, 'admin.key'))).rejects.toThrow('ENOENT');
      const hashes = (await tenantEventsIn(dataDir)).slice(1).map(({ data }) => JSON.parse(data).secretSha256);
      expect(hashes).toEqual([hashSecret('x'.repeat(32)), hashSecret('y'.repeat(32))]);
    });
  });
});

describe('a stop', () => {
  it('is orderly if SIGINT is repeated', () => stopsInOrder('SIGINT'));
});

describe('a start is refused, with exit code 1 and nothing left running,', () => {
  it('when the file of the first key holds none, and says nothing else', async () => {
    await withMigratedDataDirectory(async (dataDir) => {
      const file = join(dataDir, 'admin.key');
      await writeFile(file, 'not a key\n');
      const { code, said } = await refusedStart({ VERBATIM_DATA_DIR: dataDir });
      expect({ code, said }).toEqual({ code: 1, said: `${file} does not hold a key: expected vb_<id>_<secret>\n` });
      expect(processesNaming(dataDir)).toEqual([]);
    });
  });
});

describe('a start that receives a signal to stop', () => {
  it('by SIGINT to its group while it makes its cluster leaves nothing running', async () => {
    await withTemporaryDirectory(async (dataDir) => {
      const { child, output, ended } = run({ VERBATIM_DATA_DIR: dataDir }, { detached: true });
      try {
        await until(() => processesNaming(`${dataDir}/postgres.draft-`).length > 0, 60_000);
        process.kill(-(child.pid ?? 0), 'SIGINT');
        expect({ code: await ended, said: output.err }).toEqual({ code: 0, said: '' });
        expect(processesNaming(dataDir)).toEqual([]);
        expect((await readdir(dataDir)).filter((name) => name.includes('draft'))).toEqual([]);
      } finally {
        child.kill('SIGKILL');
      }
    });
  });
});

describe('several nodes on one database', () => {
  // How it goes when they come to the key at the same moment is tested without the rest of a start, and more often.
  it('with one data directory start together, and show the key of the file', async () => {
    const postgres = await startTestPostgres();
    const { host, port, database } = postgres.connection;
    const DATABASE_URL = `postgresql:///${database}?host=${host}&port=${port}&user=postgres`;
    await withTemporaryDirectory(async (dataDir) => {
      const start = () => startProduct({ DATABASE_URL, VERBATIM_DATA_DIR: dataDir });
      const nodes = await Promise.all([start(), start()]);
      await Promise.all(nodes.map((node) => node.stop()));
      const shown = nodes.flatMap(({ banner }) => FIRST_KEY.exec(banner) ?? []);
      expect(shown).toEqual([(await readFile(join(dataDir, 'admin.key'), 'utf8')).trim()]);
    });
    await postgres.stop();
  });
});
