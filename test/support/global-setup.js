import { execFile } from 'node:child_process';
import { chmod, mkdtemp, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

const PROGRAMS = [
  'append-load',
  'embedded-postgres-owner',
  'eventstore/stand-in-process',
  'failpoint-server',
  'migrating',
  'template-cluster',
];

/**
 * Everything that the tests of one run put on disk for PostgreSQL is below one directory, which the teardown deletes.
 * Jest calls it once, however many projects name it.
 */
export default async function setUp(_run, { rootDir }) {
  const scripts = join(rootDir, 'scripts');
  // Before the clock of any test runs, and once for all that start the product.
  const builder = pathToFileURL(join(scripts, 'bundle-if-stale.mjs'));
  await run('--input-type=module', '--eval', `import { bundleIfStale } from '${builder}'; await bundleIfStale();`);
  const directory = await mkdtemp(join(tmpdir(), 'verbatim-tests-'));
  // As root PostgreSQL runs as another user, who has to get in.
  await chmod(directory, 0o755);
  const programs = join(directory, 'programs');
  const sources = PROGRAMS.map((name) => join(rootDir, 'test', 'support', `${name}.ts`));
  await run(join(scripts, 'bundle.mjs'), programs, ...sources);
  // For what is not bundled, such as the files of PostgreSQL.
  await symlink(join(rootDir, 'node_modules'), join(directory, 'node_modules'));
  await run(join(programs, 'template-cluster.js'), join(directory, 'template'));
  process.env.VERBATIM_TEST_CLUSTERS = directory;
  process.env.VERBATIM_TEST_PROGRAMS = programs;
}

const run = (...words) => promisify(execFile)(process.execPath, words);
