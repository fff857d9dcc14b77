import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from '@jest/globals';

const root = join(import.meta.dirname, '..', '..');
/** Another seed draws other requests. */
const SEED = Number(process.env.TEST_EXTERNAL_SEED ?? 1);
/** For each route and phase: the whole run has a bound of its own. */
const EXAMPLES_MAX = 10;
const RUN_SECONDS_MAX = 150;
const START_MS_MAX = 120_000;

const folder = mkdtempSync(join(tmpdir(), 'verbatim-external-'));
chmodSync(folder, 0o755);
let product;
afterAll(async () => {
  if (product?.exitCode === null) {
    product.kill('SIGTERM');
    await once(product, 'exit');
  }
  rmSync(folder, { recursive: true, force: true });
});

/** Where the tool was installed, or why it could not be. */
function installed() {
  const environment = join(folder, 'python');
  const made = spawnSync('python3', ['-m', 'venv', environment], { encoding: 'utf8' });
  if (made.error || made.status !== 0) return { missing: 'Python 3 with venv is not here' };
  const requirements = join(import.meta.dirname, 'requirements.txt');
  const pip = spawnSync(join(environment, 'bin', 'pip'), ['install', '--quiet', '-r', requirements], {
    encoding: 'utf8',
  });
  if (pip.status !== 0) return { missing: `pip could not install it: ${pip.stderr.trim().split('\n').at(-1)}` };
  return { command: join(environment, 'bin', 'st') };
}

/** The product on a new data directory; resolves with its address once it has printed it. */
async function started(key) {
  product = spawn(process.execPath, [join(root, 'scripts', 'start.mjs')], {
    cwd: root,
    env: {
      PATH: process.env.PATH,
      PORT: '0',
      VERBATIM_DATA_DIR: join(folder, 'data'),
      VERBATIM_ADMIN_KEY: key,
      LOG_LEVEL: 'fatal',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const giveUp = setTimeout(() => product.kill('SIGKILL'), START_MS_MAX);
  let printed = '';
  for await (const piece of product.stdout) {
    printed += piece;
    const [, address] = /address\s+(http:\S+)/.exec(printed) ?? [];
    if (address === undefined) continue;
    clearTimeout(giveUp);
    return address;
  }
  throw new Error(`the product did not start: ${printed}`);
}

function runOf(command, address, key) {
  // The feeds of events never end, so no tool that waits for a whole answer can ask for them.
  const run = spawn(
    command,
    [
      ...['--config-file', join(import.meta.dirname, 'schemathesis.toml'), 'run', `${address}/openapi.json`],
      ...['--header', `Authorization: Bearer ${key}`, '--exclude-path-regex', '/events$'],
      ...['--phases', 'examples,coverage,fuzzing', '--seed', String(SEED), '--max-examples', String(EXAMPLES_MAX)],
      ...['--max-time', String(RUN_SECONDS_MAX), '--request-timeout', '20', '--continue-on-failure'],
      ...['--generation-database', 'none', '--no-color'],
    ],
    { cwd: folder, env: { ...process.env, SCHEMATHESIS_HOOKS: join(import.meta.dirname, 'hooks.py') } },
  );
  let report = '';
  for (const stream of [run.stdout, run.stderr]) {
    stream.on('data', (piece) => {
      report += piece;
    });
  }
  return once(run, 'close').then(([code]) => ({ code, report }));
}

const { command, missing } = installed();
const name = 'schemathesis finds no answer that the document of the API does not allow';

if (missing === undefined) {
  it(name, async () => {
    const key = `vb_external_${randomBytes(32).toString('hex')}`;
    const address = await started(key);
    const { code, report } = await runOf(command, address, key);
    expect({ code, report: code === 0 ? '' : report }).toEqual({ code: 0, report: '' });
    // Otherwise everything after that was answered 401.
    const me = await fetch(`${address}/api/v1/me`, { headers: { authorization: `Bearer ${key}` } });
    expect(me.status).toBe(200);
    expect(report).toMatch(/[1-9]\d{2,} generated/);
  }, 400_000);
} else it.skip(`${name}: skipped, because ${missing}`, () => {});
