import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { PostgresEventLog } from '../../src/adapters/postgres/postgres-event-log.js';
import { firstStartOn } from '../support/first-start.js';
import { MemoryKeys } from '../support/memory/memory-keys.js';
import { startTestPostgres, type TestPostgres } from '../support/postgres-cluster.js';
import { withTemporaryDirectory } from '../support/temporary-directory.js';

const ROUNDS = 6;
const NODES = 3;

/** Without the rest of a start, which would keep nodes apart that take a few milliseconds for this. */
describe('first starts of several nodes on one database, at the same moment', () => {
  let postgres: TestPostgres;
  beforeAll(async () => {
    postgres = await startTestPostgres();
  });
  afterAll(() => postgres.stop());

  async function startedTogether(dataDirs: readonly string[]): Promise<string[]> {
    const connection = await postgres.newDatabase();
    const logs = dataDirs.map(() => new PostgresEventLog(connection));
    const starts = logs.map((log) => firstStartOn({ log, keys: new MemoryKeys() }));
    try {
      const shown = await Promise.all(starts.map((start, nth) => start(dataDirs[nth] as string)));
      return shown.filter((key) => key !== undefined);
    } finally {
      await Promise.all(logs.map((log) => log.close()));
    }
  }

  it.each(Array.from({ length: ROUNDS }, (_, nth) => nth + 1))(
    'show the key that is in the file of their one data directory (round %i)',
    async () => {
      await withTemporaryDirectory(async (dataDir) => {
        const shown = await startedTogether(Array.from({ length: NODES }, () => dataDir));
        expect(await readdir(dataDir)).toEqual(['admin.key']);
        expect(shown).toEqual([(await readFile(join(dataDir, 'admin.key'), 'utf8')).trim()]);
      });
    },
  );

  it.each(Array.from({ length: ROUNDS }, (_, nth) => nth + 1))(
    'show one key, and leave none in the directory of another (round %i)',
    async () => {
      await withTemporaryDirectory(async (directory) => {
        const dataDirs = Array.from({ length: NODES }, (_, nth) => join(directory, `${nth}`));
        // The last one may find everything done, and then it makes no directory.
        await Promise.all(dataDirs.map((dataDir) => mkdir(dataDir)));
        const shown = await startedTogether(dataDirs);
        const left = await Promise.all(
          dataDirs.map(async (dataDir) => (await readdir(dataDir)).map((name) => join(dataDir, name))),
        );
        const files = await Promise.all(left.flat().map(async (file) => (await readFile(file, 'utf8')).trim()));
        expect(files).toEqual(shown);
        expect(shown).toHaveLength(1);
      });
    },
  );
});
