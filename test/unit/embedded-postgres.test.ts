import { mkdir, mkdtemp, readlink, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { completeSymlinks, locatePackage } from '../../src/adapters/postgres/embedded/binaries.js';
import { holderOf } from '../../src/adapters/postgres/embedded/left-over.js';
import { ServerLog } from '../../src/adapters/postgres/embedded/server-log.js';
import { temporaryParent } from '../../src/adapters/postgres/embedded/short-path.js';
import {
  type BringUp,
  type RunningServer,
  restartDelayMs,
  Supervisor,
} from '../../src/adapters/postgres/embedded/supervisor.js';
import { until } from '../support/until.js';

describe('binaries', () => {
  it('names the way out on a platform without a package', () => {
    expect(() => locatePackage('win32-x64')).toThrow(/win32-x64: set DATABASE_URL/);
  });

  it('makes the symlinks that npm left out, also when two starts make them at once', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'verbatim-test-'));
    try {
      await mkdir(join(directory, 'native', 'lib'), { recursive: true });
      await writeFile(join(directory, 'native', 'lib', 'liba.so.1.2'), '');
      await symlink('liba.so.1.2', join(directory, 'native', 'lib', 'liba.so'));
      const links = ['liba.so', 'liba.so.1'].map((name) => ({
        source: 'native/lib/liba.so.1.2',
        target: `native/lib/${name}`,
      }));
      await writeFile(join(directory, 'native', 'pg-symlinks.json'), JSON.stringify(links));
      await Promise.all(Array.from({ length: 8 }, () => completeSymlinks(directory)));
      expect(await readlink(join(directory, 'native', 'lib', 'liba.so.1'))).toBe('liba.so.1.2');
    } finally {
      await rm(directory, { recursive: true });
    }
  });
});

describe('the temporary directory', () => {
  it('is the system’s while a socket’s path fits below it, and /tmp otherwise', () => {
    expect(temporaryParent('/var/folders/zz/zyxvpxvq6csfxvn_n0000000000000/T')).toMatch(/^\/var\/folders/);
    expect(temporaryParent(`/${'long'.repeat(20)}`)).toBe('/tmp');
    expect(temporaryParent(`/${'ö'.repeat(31)}`)).toBe('/tmp');
  });
});

describe('the server log', () => {
  it('reports a severe line once it is complete, and keeps the last lines', () => {
    const told: string[] = [];
    const log = new ServerLog((text) => told.push(text));
    log.write('LOG:  starting\nWARN');
    expect(told).toEqual([]);
    log.write('ING:  disk is filling up\nDETAIL:  some\n');
    expect(told).toEqual(['PostgreSQL: WARNING:  disk is filling up']);
    expect(log.lastLines).toBe('LOG:  starting\nWARNING:  disk is filling up\nDETAIL:  some');
    log.write('LOG:  more\n'.repeat(100));
    expect(log.lastLines.split('\n')).toHaveLength(20);
  });
});

describe('the holder of a pid', () => {
  it('is this cluster only when the process was started on it', async () => {
    expect(await holderOf(process.pid, '/somewhere/postgres')).toBe('something else');
    expect(await holderOf(0, '/somewhere/postgres')).toBe('something else');
    // Above every system's highest pid.
    expect(await holderOf(2 ** 30, '/somewhere/postgres')).toBe('no process');
  });
});

describe('the supervisor', () => {
  function fakeServer(pid: number) {
    let end: (how: string) => void = () => {};
    const ended = new Promise<string>((resolve) => {
      end = resolve;
    });
    return { pid, ended, end, stop: async () => end('stopped') } satisfies RunningServer & {
      end: (how: string) => void;
    };
  }

  it('waits longer after every failure, up to a limit', () => {
    expect([0, 1, 2, 6, 7, 2000].map(restartDelayMs)).toEqual([50, 100, 200, 1000, 1000, 1000]);
  });

  it('starts a server that ended again, until that succeeds, and says so', async () => {
    const told: string[] = [];
    const [first, second] = [fakeServer(1), fakeServer(2)];
    const outcomes: (RunningServer | Error)[] = [first, new Error('not yet'), second];
    const bringUp: BringUp = async () => {
      const outcome = outcomes.shift();
      if (outcome instanceof Error || !outcome) throw outcome;
      return outcome;
    };
    const supervisor = await Supervisor.start(bringUp, (text) => told.push(text));
    first.end('exit 2');
    await until(() => supervisor.pid === 2);
    await supervisor.stop();
    expect(told).toEqual([
      'PostgreSQL ended unexpectedly (exit 2); starting it again in 50 ms.',
      'PostgreSQL could not be started again (not yet); starting it again in 100 ms.',
      'PostgreSQL is running again.',
    ]);
  });

  it('does not start again what was stopped', async () => {
    let starts = 0;
    const bringUp: BringUp = async () => fakeServer(++starts);
    const supervisor = await Supervisor.start(bringUp, () => {});
    await supervisor.stop();
    expect(starts).toBe(1);
  });

  it('stops while it waits to start again', async () => {
    const first = fakeServer(1);
    const supervisor = await Supervisor.start(
      async () => first,
      () => {},
    );
    first.end('exit 2');
    await supervisor.stop();
  });

  it('stops what comes up in the moment of the stop', async () => {
    const [first, second] = [fakeServer(1), fakeServer(2)];
    let comeUp: ((server: RunningServer) => void) | undefined;
    let starts = 0;
    const supervisor = await Supervisor.start(
      () => (++starts === 1 ? Promise.resolve(first) : new Promise((resolve) => (comeUp = resolve))),
      () => {},
    );
    first.end('exit 2');
    await until(() => comeUp !== undefined);
    const stopped = supervisor.stop();
    comeUp?.(second);
    await stopped;
    expect(await second.ended).toBe('stopped');
  });
});
