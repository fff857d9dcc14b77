import { chmod, cp, mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { unprivilegedAccount } from '../../src/adapters/postgres/embedded/account.js';
import { provideBinaries } from '../../src/adapters/postgres/embedded/binaries.js';
import { DataDirectoryInUse, startEmbeddedPostgres } from '../../src/adapters/postgres/embedded/embedded-postgres.js';
import { holderOf } from '../../src/adapters/postgres/embedded/left-over.js';
import { placeCluster } from '../../src/adapters/postgres/embedded/placement.js';
import {
  exists,
  groupNow,
  killedAndGone,
  nothingRunsOn,
  parentOf,
  recall,
  remember,
  withOwner,
  withPostgres,
} from '../support/embedded-postgres.js';
import { withClient, withMigratedDataDirectory } from '../support/postgres-cluster.js';
import { withTemporaryDirectory } from '../support/temporary-directory.js';

const asRoot = process.getuid?.() === 0;

describe('embedded PostgreSQL', () => {
  it('starts from nothing, keeps data over a restart, and leaves nothing behind', async () => {
    await withTemporaryDirectory(async (directory) => {
      const dataDir = join(directory, 'data');
      const socket = await withPostgres(dataDir, async (postgres, notices) => {
        expect(postgres.directory).toBe(join(dataDir, 'postgres'));
        expect(postgres.relocated).toBe(false);
        expect((await stat(postgres.connection.host)).mode & 0o777).toBe(0o700);
        const settings = await withClient(postgres.connection, async (client) => {
          const names = ['fsync', 'synchronous_commit', 'full_page_writes', 'autovacuum', 'listen_addresses', 'jit'];
          const shown: string[] = [];
          for (const name of names) shown.push((await client.query(`show ${name}`)).rows[0][name]);
          return shown;
        });
        expect(settings).toEqual(['on', 'on', 'on', 'on', '', 'off']);
        await remember(postgres.connection, 'first');
        expect(notices).toEqual([]);
        return postgres.connection.host;
      });
      expect(await exists(socket)).toBe(false);
      expect(await nothingRunsOn(join(dataDir, 'postgres'))).toBe(true);
      expect(await withPostgres(dataDir, ({ connection }) => recall(connection))).toEqual(['first']);
    });
  });

  it('has no process left at the moment when its stop resolves', async () => {
    await withMigratedDataDirectory(async (dataDir) => {
      for (let nth = 0; nth < 5; nth++) {
        const postgres = await startEmbeddedPostgres({ dataDir, onNotice: () => {} });
        const guardian = await parentOf(postgres.postmasterPid());
        expect(groupNow(guardian)).toHaveLength(3);
        await postgres.stop();
        expect(groupNow(guardian)).toEqual([]);
      }
    });
  });

  it('stops once, however often stop() is called', async () => {
    await withMigratedDataDirectory(async (dataDir) => {
      await withPostgres(dataDir, async (postgres) => {
        await Promise.all([postgres.stop(), postgres.stop()]);
      });
    });
  });

  it('works in a directory whose path is longer than a socket’s may be', async () => {
    await withTemporaryDirectory(async (directory) => {
      const dataDir = join(directory, 'long'.repeat(30), 'and longer'.repeat(8));
      await withPostgres(dataDir, async ({ connection }) => {
        await remember(connection, 'far down');
        await expect(withPostgres(dataDir, async () => {})).rejects.toThrow(DataDirectoryInUse);
        expect(await recall(connection)).toEqual(['far down']);
      });
    });
  });

  it('refuses a directory that another process works in, and touches nothing', async () => {
    await withMigratedDataDirectory(async (dataDir) => {
      await withOwner(dataDir, 'until killed', async ({ connection, postmasterPid }) => {
        await remember(connection, 'mine');
        const before = await readdir(dataDir);
        await expect(withPostgres(dataDir, async () => {})).rejects.toThrow(DataDirectoryInUse);
        await expect(withPostgres(dataDir, async () => {})).rejects.toThrow(dataDir);
        expect(await readdir(dataDir)).toEqual(before);
        expect(await holderOf(postmasterPid, join(dataDir, 'postgres'))).toBe('this cluster');
        expect(await recall(connection)).toEqual(['mine']);
      });
    });
  });

  it('lets one of many win that start together, also where a killed owner left its socket', async () => {
    await withTemporaryDirectory(async (dataDir) => {
      await withOwner(dataDir, 'until killed', killedAndGone);
      for (let round = 0; round < 3; round++) {
        const started = await Promise.allSettled(
          Array.from({ length: 6 }, () => startEmbeddedPostgres({ dataDir, onNotice: () => {} })),
        );
        const winners = started.filter((outcome) => outcome.status === 'fulfilled');
        for (const { value } of winners) await value.stop();
        expect(winners).toHaveLength(1);
        const refusals = started.filter((outcome) => outcome.status === 'rejected');
        for (const { reason } of refusals) expect(reason).toBeInstanceOf(DataDirectoryInUse);
      }
      expect((await readdir(dataDir)).filter((name) => name.startsWith('owner.'))).toHaveLength(1);
    });
  });

  it('says what is wrong with a cluster of another version, and with settings that PostgreSQL refuses', async () => {
    await withMigratedDataDirectory(async (dataDir) => {
      await withPostgres(dataDir, async () => {});
      const refused = startEmbeddedPostgres({ dataDir, settings: { shared_buffers: 'plenty' }, onNotice: () => {} });
      await expect(refused).rejects.toThrow(/ended while it started.*shared_buffers/s);
      await writeFile(join(dataDir, 'postgres', 'PG_VERSION'), '12\n');
      await expect(withPostgres(dataDir, async () => {})).rejects.toThrow(/made by PostgreSQL 12/);
    });
  });

  it('says so when the data directory cannot be used', async () => {
    await withTemporaryDirectory(async (directory) => {
      await writeFile(join(directory, 'file'), '');
      await expect(withPostgres(join(directory, 'file', 'data'), async () => {})).rejects.toThrow(
        /Cannot keep data in/,
      );
      await expect(withPostgres(asRoot ? '/sys/data' : '/data', async () => {})).rejects.toThrow(/Cannot keep data in/);
    });
  });

  it('names the owner of data that another user has created, and what to do', async () => {
    await withTemporaryDirectory(async (dataDir) => {
      await mkdir(join(dataDir, 'postgres'));
      const { uid } = await stat(dataDir);
      await expect(placeCluster(dataDir, uid + 1)).rejects.toThrow(
        `The data in ${dataDir} belongs to uid ${uid}, and this is uid ${uid + 1}: start as root or as that user, ` +
          `give it to this one (chown -R ${uid + 1} ${dataDir}), or choose another data directory.`,
      );
    });
  });

  it('changes no files that it did not create', async () => {
    await withTemporaryDirectory(async (dataDir) => {
      await mkdir(join(dataDir, 'postgres'));
      await writeFile(join(dataDir, 'postgres', 'something'), 'of somebody else');
      await expect(withPostgres(dataDir, async () => {})).rejects.toThrow(/holds no cluster/);
      expect(await readFile(join(dataDir, 'postgres', 'something'), 'utf8')).toBe('of somebody else');
      expect((await readdir(dataDir)).filter((name) => name.includes('draft'))).toEqual([]);
    });
  });

  it('keeps its data elsewhere only where root has closed the way to it', async () => {
    await withTemporaryDirectory(async (directory) => {
      const closed = join(directory, 'closed');
      await mkdir(closed, { mode: 0o700 });
      const dataDir = join(closed, 'data');
      const place = await withPostgres(dataDir, async (postgres, notices) => {
        await remember(postgres.connection, 'hidden');
        expect(postgres.relocated).toBe(asRoot);
        expect(notices.some((text) => text.includes(dirname(postgres.directory)))).toBe(asRoot);
        return dirname(postgres.directory);
      });
      try {
        expect(place).toMatch(asRoot ? /^\/var\/lib\/verbatim\/[^/]+$/ : dataDir);
        expect((await stat(dataDir)).uid).toBe(process.getuid?.());
        expect(await withPostgres(dataDir, ({ connection }) => recall(connection))).toEqual(['hidden']);
        // A copy leads to the same place, and two owners there would be two too many.
        const copy = join(closed, 'copy');
        await withPostgres(dataDir, async () => {
          await mkdir(copy);
          if (asRoot) {
            await cp(join(dataDir, 'postgres.location'), join(copy, 'postgres.location'));
            await expect(withPostgres(copy, async () => {})).rejects.toThrow(DataDirectoryInUse);
          }
        });
      } finally {
        if (asRoot) await rm(place, { recursive: true });
      }
      if (asRoot) {
        await expect(withPostgres(dataDir, async () => {})).rejects.toThrow(/which is gone/);
        // Opened, a new directory needs no other place.
        await chmod(closed, 0o755);
        expect(await withPostgres(join(closed, 'new'), async ({ relocated }) => relocated)).toBe(false);
      }
    });
  });
});

describe('binaries under a directory that is closed to the server’s user', () => {
  it('are copied once to where it can reach them, however many start at once', async () => {
    await withTemporaryDirectory(async (directory) => {
      const version = `test-${process.pid}`;
      const native = join(directory, 'closed', 'native');
      await mkdir(join(native, 'bin'), { recursive: true });
      await mkdir(join(native, 'lib'));
      await writeFile(join(directory, 'closed', 'package.json'), JSON.stringify({ version }));
      await writeFile(join(native, 'pg-symlinks.json'), '[]');
      await writeFile(join(native, 'lib', 'part'), 'needed', { mode: 0o600 });
      await symlink('part', join(native, 'lib', 'link'));
      const program = '#!/bin/sh\ncat "$(dirname "$0")/../lib/link" >/dev/null && echo "postgres (PostgreSQL) 18.4"\n';
      await writeFile(join(native, 'bin', 'postgres'), program, { mode: 0o700 });
      await chmod(join(directory, 'closed'), 0o700);

      const account = asRoot ? await unprivilegedAccount() : undefined;
      const provided = await Promise.all(
        Array.from({ length: 4 }, () => provideBinaries(account, join(directory, 'closed'))),
      );
      const places = new Set(provided.map(({ postgres }) => dirname(dirname(postgres))));
      expect(places.size).toBe(1);
      const [place = ''] = places;
      if (!asRoot) {
        expect(place).toBe(native);
        return;
      }
      try {
        expect(dirname(place)).toBe('/var/lib/verbatim');
        expect(provided[0]?.major).toBe('18');
        const copies = (await readdir(dirname(place))).filter((name) => name.includes(version));
        expect(copies).toHaveLength(1);
      } finally {
        await rm(place, { recursive: true });
      }
    });
  });
});
