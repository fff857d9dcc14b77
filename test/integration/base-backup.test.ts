import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import type pg from 'pg';
import { backUpCluster, restoreCluster } from '../../src/adapters/postgres/embedded/base-backup.js';
import { withPostgres } from '../support/embedded-postgres.js';
import { withClient, withMigratedDataDirectory } from '../support/postgres-cluster.js';
import { withTemporaryDirectory } from '../support/temporary-directory.js';
import { until } from '../support/until.js';

/** Commits one number after the other, each in two tables, until it is over. */
class Writer {
  committed = 0;

  async run(connection: pg.ClientConfig, isOver: () => boolean): Promise<void> {
    await withClient(connection, async (client) => {
      await client.query('CREATE TABLE one (n int PRIMARY KEY, text text); CREATE TABLE other (n int PRIMARY KEY)');
      while (!isOver()) {
        const numbers = [this.committed];
        await client.query('BEGIN');
        await client.query("INSERT INTO one VALUES ($1, repeat('x', 2000))", numbers);
        await client.query('INSERT INTO other VALUES ($1)', numbers);
        await client.query('COMMIT');
        this.committed += 1;
        // Files come and go while the directory is copied, and segments of the write-ahead log are recycled.
        if (this.committed % 20 === 0) {
          await client.query('DROP TABLE IF EXISTS passing; CREATE TABLE passing AS SELECT * FROM one');
          await client.query('CHECKPOINT');
        }
      }
    });
  }
}

const numbersIn = (connection: pg.ClientConfig, table: string): Promise<number[]> =>
  withClient(connection, async (client) => {
    const { rows } = await client.query<{ n: number }>(`SELECT n FROM ${table} ORDER BY n`);
    return rows.map(({ n }) => n);
  });

describe('the copy of a cluster that is written to', () => {
  it('has all that was committed before its begin, and whole transactions alone', async () => {
    await withTemporaryDirectory(async (place) => {
      const copy = join(place, 'copy');
      const writer = new Writer();
      const committedBefore = await withMigratedDataDirectory((dataDir) =>
        withPostgres(dataDir, async ({ connection, directory }) => {
          let isOver = false;
          const writing = writer.run(connection, () => isOver);
          await until(() => writer.committed > 100);
          const committed = writer.committed;
          const { files, bytes } = await backUpCluster(connection, directory, copy);
          const committedMeanwhile = writer.committed;
          await until(() => writer.committed > committedMeanwhile + 100);
          isOver = true;
          await writing;
          expect(files).toBeGreaterThan(500);
          expect(bytes).toBeGreaterThan(2 ** 24);
          // The slot that kept the write-ahead log is gone.
          const slots = await withClient(connection, (client) => client.query('SELECT * FROM pg_replication_slots'));
          expect(slots.rows).toEqual([]);
          return committed;
        }),
      );
      expect(await readdir(copy)).not.toContain('postmaster.pid');

      const restored = join(place, 'restored');
      await mkdir(restored);
      await restoreCluster(copy, restored);
      await expect(restoreCluster(copy, restored)).rejects.toThrow(/is there already/);
      await withPostgres(restored, async ({ connection }) => {
        const one = await numbersIn(connection, 'one');
        expect(one.length).toBeGreaterThanOrEqual(committedBefore);
        expect(one.length).toBeLessThan(writer.committed);
        expect(one).toEqual(Array.from(one, (_, nth) => nth));
        expect(await numbersIn(connection, 'other')).toEqual(one);
      });
    });
  });
});
