import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';

const PROGRAMS = [
  'append-load',
  'embedded-postgres-owner',
  'eventstore/stand-in-process',
  'failpoint-server',
  'migrating',
  'shared-postgres',
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
  await run(join(scripts, 'bundle.mjs'), programs, join(rootDir, 'src', 'main.ts'), ...sources);
  // For what is not bundled: the files of PostgreSQL, and the version of the product.
  for (const name of ['node_modules', 'package.json']) await symlink(join(rootDir, name), join(directory, name));
  await run(join(programs, 'template-cluster.cjs'), join(directory, 'template'));
  await keepCode(join(rootDir, 'test', 'support', 'run-program.mjs'), join(programs, 'main.cjs'), directory);
  process.env.VERBATIM_TEST_POSTGRES = await startSharedPostgres(join(programs, 'shared-postgres.cjs'), directory);
  process.env.VERBATIM_TEST_CLUSTERS = directory;
  process.env.VERBATIM_TEST_PROGRAMS = programs;
}

/** Answers with how to reach it. It stops when this process tells it to, or ends. */
async function startSharedPostgres(program, directory) {
  const dataDir = join(directory, 'shared');
  await promisify(execFile)('/bin/cp', ['-a', join(directory, 'template'), dataDir]);
  const postgres = spawn(process.execPath, [program, dataDir], { stdio: ['pipe', 'pipe', 'inherit'] });
  const [connection] = await once(createInterface(postgres.stdout), 'line');
  globalThis.stopSharedPostgres = async () => {
    const ended = once(postgres, 'exit');
    postgres.stdin.end();
    const [code] = await ended;
    if (code !== 0) throw new Error(`the PostgreSQL of the tests ended with ${code}`);
  };
  return connection;
}

/** One start and stop of the product, for the compiled code that all other starts use. */
async function keepCode(runner, program, directory) {
  const dataDir = join(directory, 'first');
  await promisify(execFile)('/bin/cp', ['-a', join(directory, 'template'), dataDir]);
  // With the adapters that most tests start.
  const provider = { OPENAI_BASE_URL: 'http://127.0.0.1:1', VERBATIM_MODEL: 'none' };
  const env = { PATH: process.env.PATH, PORT: '0', VERBATIM_DATA_DIR: dataDir, ...provider };
  const product = spawn(process.execPath, [runner, program, '--keep-code'], {
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(product, 'exit');
  product.stdout.once('data', () => product.kill());
  const [code] = await ended;
  if (code !== 0) throw new Error(`the first start of the product ended with ${code}`);
  await rm(dataDir, { recursive: true });
}

const run = (...words) => promisify(execFile)(process.execPath, words);
