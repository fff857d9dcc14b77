import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, readdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from '@jest/globals';
import { signalIfAlive } from '../../src/adapters/postgres/embedded/signal.js';
import { withTemporaryDirectory } from '../support/temporary-directory.js';
import { until } from '../support/until.js';

/** Stands in for the compiler: it writes down when it began and ended, and takes its time between. */
const COMPILER = `
const { appendFileSync, mkdirSync, rmSync } = require('node:fs');
rmSync('dist', { recursive: true, force: true });
appendFileSync('builds.log', 'begin ');
setTimeout(() => {
  mkdirSync('dist');
  appendFileSync('builds.log', 'end ');
}, 300);
`;
const START = `import { buildIfStale } from './scripts/build-if-stale.mjs'; await buildIfStale();`;

/** Finds the holder of the lock dead, and goes on from there only when another start has begun to build. */
const SLOW_START = `
import { existsSync } from 'node:fs';
const { kill } = process;
process.kill = (pid, signal) => {
  try {
    return kill.call(process, pid, signal);
  } catch (error) {
    while (!existsSync('builds.log')) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    throw error;
  }
};
${START}
`;

/** Takes longer than anybody waits, and says who it is. */
const LONG_COMPILER = `
require('node:fs').appendFileSync('builds.log', 'begin ' + process.pid + '\\n');
setTimeout(() => {}, 20_000);
`;

async function withCheckout(test: (root: string) => Promise<void>): Promise<void> {
  await withTemporaryDirectory(async (root) => {
    const compiler = join(root, 'node_modules', '@nestjs', 'cli', 'bin');
    await mkdir(compiler, { recursive: true });
    await mkdir(join(root, 'src'));
    await writeFile(join(root, 'src', 'main.ts'), '');
    await writeFile(join(compiler, 'nest.js'), COMPILER);
    await cp(join(process.cwd(), 'scripts'), join(root, 'scripts'), { recursive: true });
    await test(root);
  });
}

function run(root: string, program = START) {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], { cwd: root });
  const said = text(child.stderr);
  return { child, ended: once(child, 'close').then(async ([code]) => ({ code, said: await said })) };
}

async function start(root: string): Promise<number> {
  return (await run(root).ended).code;
}

async function leaveLockOfTheDead(root: string): Promise<void> {
  const { pid } = spawnSync(process.execPath, ['--version']);
  await writeFile(join(root, 'node_modules', '.verbatim-build'), `${pid}`);
}

const builds = (root: string) => readFile(join(root, 'builds.log'), 'utf8');

describe('a start that finds the build out of date', () => {
  it('builds once, however many start together', async () => {
    await withCheckout(async (root) => {
      expect(await Promise.all([start(root), start(root), start(root)])).toEqual([0, 0, 0]);
      expect(await builds(root)).toBe('begin end ');
    });
  });

  it('builds again when a source has changed, and only then', async () => {
    await withCheckout(async (root) => {
      await start(root);
      await start(root);
      expect(await builds(root)).toBe('begin end ');
      const later = new Date(Date.now() + 60_000);
      await utimes(join(root, 'src', 'main.ts'), later, later);
      await start(root);
      expect(await builds(root)).toBe('begin end begin end ');
    });
  });

  it('says that it builds, because that takes a while', async () => {
    await withCheckout(async (root) => {
      expect(await run(root).ended).toEqual({ code: 0, said: 'Building...\n' });
      expect(await run(root).ended).toEqual({ code: 0, said: '' });
    });
  });

  it('does not wait for a build that was killed', async () => {
    await withCheckout(async (root) => {
      await leaveLockOfTheDead(root);
      expect(await start(root)).toBe(0);
      expect(await builds(root)).toBe('begin end ');
      expect(await readdir(join(root, 'node_modules'))).toEqual(['@nestjs']);
    });
  });

  it('takes the lock of the dead, and not that of a start which was faster in taking it', async () => {
    await withCheckout(async (root) => {
      await leaveLockOfTheDead(root);
      const slow = run(root, SLOW_START);
      expect(await start(root)).toBe(0);
      expect(await slow.ended).toEqual({ code: 0, said: '' });
      expect(await builds(root)).toBe('begin end ');
    });
  });

  it.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const)('takes the compiler with it when %s ends it, and the next start builds', async (signal, code) => {
    await withCheckout(async (root) => {
      const compiler = join(root, 'node_modules', '@nestjs', 'cli', 'bin', 'nest.js');
      await writeFile(compiler, LONG_COMPILER);
      const { child, ended } = run(root);
      await until(async () => /begin \d+\n/.test(await builds(root).catch(() => '')));
      const pid = Number(/\d+/.exec(await builds(root)));
      try {
        child.kill(signal);
        // Not before the compiler, which has the same output.
        expect(await ended).toEqual({ code, said: 'Building...\n' });
        expect(() => process.kill(pid, 0)).toThrow('ESRCH');
      } finally {
        child.kill('SIGKILL');
        signalIfAlive(pid, 'SIGKILL');
      }
      await writeFile(compiler, COMPILER);
      expect(await start(root)).toBe(0);
      expect(await readdir(join(root, 'node_modules'))).toEqual(['@nestjs']);
    });
  });
});
