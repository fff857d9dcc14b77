import { execFile } from 'node:child_process';
import { chmod, mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

/**
 * Everything that the tests of one run put on disk for PostgreSQL is below one directory, which the teardown deletes.
 * Jest loads this file as CommonJS, where our modules cannot follow: so a program makes the template.
 * Jest calls it once, however many projects name it.
 */
export default async function setUp(_run: unknown, project: { rootDir: string }): Promise<void> {
  const support = join(project.rootDir, 'test', 'support');
  const directory = await mkdtemp(join(tmpdir(), 'verbatim-tests-'));
  // As root PostgreSQL runs as another user, who has to get in.
  await chmod(directory, 0o755);
  process.env.VERBATIM_TEST_CLUSTERS = directory;
  await promisify(execFile)(process.execPath, [
    '--import',
    join(support, 'ts-loader.mjs'),
    join(support, 'template-cluster.ts'),
    join(directory, 'template'),
  ]);
}
