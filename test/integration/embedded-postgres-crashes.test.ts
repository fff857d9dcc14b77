import { mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import {
  childrenOf,
  exists,
  killedAndGone,
  nothingRunsOn,
  parentOf,
  recall,
  remember,
  withOwner,
  withPostgres,
} from '../support/embedded-postgres.js';
import { withMigratedDataDirectory } from '../support/postgres-cluster.js';
import { withTemporaryDirectory } from '../support/temporary-directory.js';
import { until } from '../support/until.js';

describe('embedded PostgreSQL, when something is killed', () => {
  it('recovers what was committed when its owner was killed, and nothing of the old one stays', async () => {
    await withMigratedDataDirectory(async (dataDir) => {
      const cluster = join(dataDir, 'postgres');
      const socket = await withOwner(dataDir, 'until killed', async (owner) => {
        await remember(owner.connection, 'committed');
        await killedAndGone(owner);
        return owner.connection.host;
      });
      await withPostgres(dataDir, async ({ connection }) => {
        expect(await recall(connection)).toEqual(['committed']);
      });
      await until(() => nothingRunsOn(cluster));
      await until(async () => !(await exists(socket)));
    });
  });

  it('shuts down without a successor when its owner was killed', async () => {
    await withMigratedDataDirectory(async (dataDir) => {
      const socket = await withOwner(dataDir, 'until killed', async (owner) => {
        await killedAndGone(owner);
        return owner.connection.host;
      });
      await until(() => nothingRunsOn(join(dataDir, 'postgres')));
      await until(async () => !(await exists(socket)));
    });
  });

  it('does not keep a program alive that has nothing left to do', async () => {
    await withMigratedDataDirectory(async (dataDir) => {
      await withOwner(dataDir, 'while busy', async ({ program }) => {
        await until(() => program.exitCode !== null);
        expect(program.exitCode).toBe(0);
      });
      await until(() => nothingRunsOn(join(dataDir, 'postgres')));
    });
  });

  it.each([
    ['stopped at once', 'SIGQUIT'],
    ['killed', 'SIGKILL'],
  ] as const)('comes back by itself, at the same address, when PostgreSQL was %s', async (_, signal) => {
    await withMigratedDataDirectory(async (dataDir) => {
      await withPostgres(dataDir, async (postgres, notices) => {
        await remember(postgres.connection, 'before');
        const before = postgres.postmasterPid();
        process.kill(before, signal);
        await until(() => postgres.postmasterPid() !== before);
        expect(await recall(postgres.connection)).toEqual(['before']);
        expect(notices.join('\n')).toMatch(/ended unexpectedly.*running again/s);
      });
    });
  });

  it('comes back when its guardian was killed', async () => {
    await withMigratedDataDirectory(async (dataDir) => {
      await withPostgres(dataDir, async (postgres) => {
        await remember(postgres.connection, 'before');
        const before = postgres.postmasterPid();
        process.kill(await parentOf(before), 'SIGKILL');
        await until(() => postgres.postmasterPid() !== before);
        expect(await recall(postgres.connection)).toEqual(['before']);
      });
      await until(() => nothingRunsOn(join(dataDir, 'postgres')));
    });
  });

  it.each([
    ['a pid that somebody else got', () => process.ppid],
    ['our own pid', () => process.pid],
    ['a pid that does not exist', () => 2 ** 22 + 1],
    ['nothing, after a power cut', () => undefined],
  ])('does not believe a pid file with %s', async (_, pid) => {
    await withMigratedDataDirectory(async (dataDir) => {
      await withPostgres(dataDir, ({ connection }) => remember(connection, 'kept'));
      const pidFile = join(dataDir, 'postgres', 'postmaster.pid');
      await writeFile(pidFile, pid() === undefined ? '' : `${pid()}\n${dataDir}/postgres\n1\n5432\n/tmp\n\n\nready\n`);
      expect(await withPostgres(dataDir, ({ connection }) => recall(connection))).toEqual(['kept']);
    });
  });

  it('begins anew after a kill in the middle of initdb', async () => {
    await withTemporaryDirectory(async (dataDir) => {
      await mkdir(join(dataDir, 'postgres.draft-abc', 'base'), { recursive: true });
      await writeFile(join(dataDir, 'postgres.draft-abc', 'PG_VERSION'), '18\n');
      await withPostgres(dataDir, ({ connection }) => remember(connection, 'works'));
      expect((await readdir(dataDir)).filter((name) => name.includes('draft'))).toEqual([]);
    });
  });

  it('ends an orphan that got no signal, and then starts', async () => {
    await withMigratedDataDirectory(async (dataDir) => {
      const { postmasterPid, connection: orphaned } = await withOwner(dataDir, 'until killed', async (owner) => {
        await remember(owner.connection, 'committed');
        const guardian = await parentOf(owner.postmasterPid);
        const watchers = (await childrenOf(guardian)).filter((pid) => pid !== owner.postmasterPid);
        // Stopped first, or it would start PostgreSQL again.
        owner.program.kill('SIGSTOP');
        for (const pid of [...watchers, guardian]) process.kill(pid, 'SIGKILL');
        await killedAndGone(owner);
        return owner;
      });
      await withPostgres(dataDir, async ({ connection }, notices) => {
        expect(notices.join('\n')).toContain(`pid ${postmasterPid}`);
        expect(await recall(connection)).toEqual(['committed']);
      });
      expect(await nothingRunsOn(join(dataDir, 'postgres'))).toBe(true);
      await rm(orphaned.host, { recursive: true, force: true });
    });
  });
});
