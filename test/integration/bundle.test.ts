import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, readdir, readFile, symlink, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from '@jest/globals';
import { signalIfAlive } from '../../src/adapters/postgres/embedded/signal.js';
import { withTemporaryDirectory } from '../support/temporary-directory.js';
import { until } from '../support/until.js';

/** Takes longer than a test waits, and writes its process id. */
const ENDLESS_BUNDLER = `
import { writeFileSync } from 'node:fs';
writeFileSync('bundler.pid', String(process.pid));
setTimeout(() => {}, 20_000);
`;

/** Prints a text, then where the function was called that a lazily loaded module exports. */
const mainSaying = (what: string) => `
import 'reflect-metadata';
import { trace } from './trace.js';
console.log(${JSON.stringify(what)});
console.log(trace());
const { lazy } = await import('./lazy.js');
console.log(lazy());
`;
const SOURCES = {
  'main.ts': mainSaying('first'),
  'cli.ts': `import { trace } from './trace.js';\nconsole.log(trace());\n`,
  'trace.ts': `interface Place { text: string }\n\nexport const trace = (): string => new Error().stack ?? '';\n`,
  'lazy.ts': `export const lazy = (): string => 'loaded';\n`,
  'adapters/postgres/migrations/0001-log.sql': 'SELECT 1;\n',
};

async function withCheckout(test: (root: string) => Promise<void>): Promise<void> {
  await withTemporaryDirectory(async (root) => {
    for (const part of ['scripts', 'tsconfig.json', 'package.json']) {
      await cp(join(process.cwd(), part), join(root, part), { recursive: true });
    }
    await symlink(join(process.cwd(), 'node_modules'), join(root, 'node_modules'));
    await mkdir(join(root, 'src', 'adapters', 'postgres', 'migrations'), { recursive: true });
    for (const [name, source] of Object.entries(SOURCES)) await save(root, name, source);
    await test(root);
  });
}

const save = (root: string, name: string, source: string) => writeFile(join(root, 'src', name), source);

function run(root: string) {
  const child = spawn(process.execPath, [join(root, 'scripts', 'start.mjs')], { cwd: root });
  const outputs = Promise.all([text(child.stdout), text(child.stderr)]);
  const ended = once(child, 'close').then(async ([code]) => {
    const [out, err] = await outputs;
    return { code, lines: out.split('\n'), err };
  });
  return { child, ended };
}

const start = (root: string) => run(root).ended;
const bundled = async (root: string) => (await readdir(join(root, 'bundle'))).sort();

describe('a start', () => {
  it('bundles the sources, reports this on stderr, and maps stack traces to the sources', async () => {
    await withCheckout(async (root) => {
      const { code, lines, err } = await start(root);
      expect({ code, err }).toEqual({ code: 0, err: 'Building...\n' });
      expect([lines[0], lines.at(-2)]).toEqual(['first', 'loaded']);
      expect(lines.join('\n')).toContain(`${join(root, 'src', 'trace.ts')}:3:`);
      expect(lines.join('\n')).toContain(`${join(root, 'src', 'main.ts')}:5:`);
      expect(await readFile(join(root, 'bundle', 'migrations', '0001-log.sql'), 'utf8')).toBe('SELECT 1;\n');
    });
  });

  it('bundles again if a source is newer than the bundle, and only then', async () => {
    await withCheckout(async (root) => {
      await start(root);
      expect((await start(root)).err).toBe('');
      await save(root, 'main.ts', mainSaying('second'));
      const later = new Date(Date.now() + 1_000);
      await utimes(join(root, 'src', 'main.ts'), later, later);
      const { lines, err } = await start(root);
      expect([lines[0], err]).toEqual(['second', 'Building...\n']);
    });
  });

  it('removes what an older bundle and a killed bundler have left', async () => {
    await withCheckout(async (root) => {
      await start(root);
      const names = await bundled(root);
      await mkdir(join(root, 'bundle', '.draft-1'));
      await writeFile(join(root, 'bundle', 'lazy-older.js'), '');
      await save(root, 'cli.ts', SOURCES['cli.ts']);
      expect((await start(root)).err).toBe('Building...\n');
      expect(await bundled(root)).toEqual(names);
    });
  });

  it('loads a whole bundle, although other starts write theirs at the same moment', async () => {
    await withCheckout(async (root) => {
      for (const what of ['first', 'second', 'third']) {
        await save(root, 'main.ts', mainSaying(what));
        const starts = await Promise.all([start(root), start(root), start(root)]);
        const outcomes = starts.map(({ code, lines }) => [code, lines[0], lines.at(-2)]);
        expect(outcomes).toEqual(Array(3).fill([0, what, 'loaded']));
      }
      expect((await bundled(root)).filter((name) => name.startsWith('.draft'))).toEqual([]);
    });
  });

  it('fails if an import leads nowhere, and leaves the program as it was', async () => {
    await withCheckout(async (root) => {
      await start(root);
      const before = await readFile(join(root, 'bundle', 'main.js'), 'utf8');
      await save(root, 'lazy.ts', `export const lazy = () => import('no-such-package');\n`);
      const { code, lines, err } = await start(root);
      expect([code, lines]).toEqual([1, ['']]);
      expect(err).toContain("Could not resolve 'no-such-package' in src/lazy.ts");
      expect(await readFile(join(root, 'bundle', 'main.js'), 'utf8')).toBe(before);
    });
  });

  it.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const)('ends its bundler when %s ends it, and the next start bundles', async (signal, code) => {
    await withCheckout(async (root) => {
      const bundler = join(root, 'scripts', 'bundle.mjs');
      const original = await readFile(bundler);
      await writeFile(bundler, ENDLESS_BUNDLER);
      const { child, ended } = run(root);
      const pidFile = () => readFile(join(root, 'bundler.pid'), 'utf8').catch(() => '');
      await until(async () => (await pidFile()) !== '');
      const pid = Number(await pidFile());
      try {
        child.kill(signal);
        expect(await ended).toEqual({ code, lines: [''], err: 'Building...\n' });
        expect(() => process.kill(pid, 0)).toThrow('ESRCH');
      } finally {
        child.kill('SIGKILL');
        signalIfAlive(pid, 'SIGKILL');
      }
      await writeFile(bundler, original);
      expect((await start(root)).lines[0]).toBe('first');
    });
  });
});
