import { cp, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { signalIfAlive } from '../../src/adapters/postgres/embedded/signal.js';
import { launch, processesNaming } from '../support/product.js';
import { withTemporaryDirectory } from '../support/temporary-directory.js';
import { until } from '../support/until.js';

const BUILD_AND_START_MS = 180_000;

async function copySources(root: string): Promise<void> {
  for (const part of ['src', 'scripts', 'package.json', 'nest-cli.json', 'tsconfig.json']) {
    await cp(join(process.cwd(), part), join(root, part), { recursive: true });
  }
  await symlink(join(process.cwd(), 'node_modules'), join(root, 'node_modules'));
}

async function edit(file: string, from: string, to: string): Promise<void> {
  const text = await readFile(file, 'utf8');
  expect(text).toContain(from);
  await writeFile(file, text.replace(from, to));
}

describe('npm run dev', () => {
  it(
    'runs a source as it is now, goes on when one cannot be built, and leaves nothing running',
    async () => {
      await withTemporaryDirectory(async (directory) => {
        const root = join(directory, 'checkout');
        const banner = join(root, 'src', 'app', 'banner.ts');
        await mkdir(root);
        await copySources(root);
        const environment = { VERBATIM_DATA_DIR: join(directory, 'data'), npm_config_update_notifier: 'false' };
        const { child, output, ended } = launch(['npm', 'run', 'dev'], environment, { cwd: root, detached: true });
        const group = -(child.pid ?? 0);
        try {
          await until(() => output.out.includes('  data '), BUILD_AND_START_MS);
          const [address = ''] = /http:\/\/\S+/.exec(output.out) ?? [];
          await edit(banner, '`Verbatim ', '`Changed ${');
          await until(() => output.err.includes('banner.ts'), BUILD_AND_START_MS);
          expect((await fetch(new URL('/health/live', address))).status).toBe(200);
          await edit(banner, '`Changed ${', '`Changed ');
          await until(() => /^Changed .*^ {2}data /ms.test(output.out), BUILD_AND_START_MS);
          // As Ctrl-C does.
          process.kill(group, 'SIGINT');
          expect(await ended).toBe(0);
          expect(processesNaming(directory)).toEqual([]);
        } finally {
          signalIfAlive(group, 'SIGKILL');
        }
      });
    },
    3 * BUILD_AND_START_MS,
  );
});
