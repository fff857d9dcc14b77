import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, readFile, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { withTemporaryDirectory } from '../support/temporary-directory.js';

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
const START = `import { buildIfStale } from './scripts/build-if-stale.mjs'; buildIfStale();`;

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

async function start(root: string): Promise<number> {
  const [code] = await once(
    spawn(process.execPath, ['--input-type=module', '--eval', START], { cwd: root, stdio: 'inherit' }),
    'close',
  );
  return code;
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

  it('does not wait for a build that was killed', async () => {
    await withCheckout(async (root) => {
      const { pid } = spawnSync(process.execPath, ['--version']);
      await writeFile(join(root, 'node_modules', '.verbatim-build'), `${pid}`);
      expect(await start(root)).toBe(0);
      expect(await builds(root)).toBe('begin end ');
    });
  });
});
