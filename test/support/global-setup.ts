import { execFile } from 'node:child_process';
import { chmod, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

/**
 * Everything that the tests of one run put on disk for PostgreSQL is below one directory, which the teardown deletes.
 * Jest loads this file as CommonJS, where our modules cannot follow: so a program makes the template.
 * Jest calls it once, however many projects name it.
 */
export default async function setUp(_run: unknown, project: { rootDir: string }): Promise<void> {
  const support = join(project.rootDir, 'test', 'support');
  // Before the clock of any test runs, and once for all that start the product.
  const builder = pathToFileURL(join(project.rootDir, 'scripts', 'build-if-stale.mjs'));
  await run('--input-type=module', '--eval', `import { buildIfStale } from '${builder}'; await buildIfStale();`);
  const directory = await mkdtemp(join(tmpdir(), 'verbatim-tests-'));
  // As root PostgreSQL runs as another user, who has to get in.
  await chmod(directory, 0o755);
  process.env.VERBATIM_TEST_CLUSTERS = directory;
  await run(
    '--import',
    join(support, 'ts-loader.mjs'),
    join(support, 'template-cluster.ts'),
    join(directory, 'template'),
  );
}

const run = (...words: string[]) => promisify(execFile)(process.execPath, words);
