import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from '@jest/globals';
import { installed, startProduct } from './tools.js';

/** Another seed draws other requests. */
const SEED = Number(process.env.TEST_EXTERNAL_SEED ?? 1);
/** For each route and phase: the whole run has a bound of its own. */
const EXAMPLES_MAX = 10;
const RUN_SECONDS_MAX = 150;

const folder = mkdtempSync(join(tmpdir(), 'verbatim-external-'));
chmodSync(folder, 0o755);
let product;
afterAll(async () => {
  await product?.stop();
  rmSync(folder, { recursive: true, force: true });
});

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

const { programs, missing } = installed(folder, 'requirements.txt');
const name = 'schemathesis finds no answer that the document of the API does not allow';

if (missing === undefined) {
  it(name, async () => {
    const key = `vb_external_${randomBytes(32).toString('hex')}`;
    product = startProduct(folder, key);
    const address = await product.address;
    const { code, report } = await runOf(join(programs, 'st'), address, key);
    expect({ code, report: code === 0 ? '' : report }).toEqual({ code: 0, report: '' });
    // Otherwise everything after that was answered 401.
    const me = await fetch(`${address}/api/v1/me`, { headers: { authorization: `Bearer ${key}` } });
    expect(me.status).toBe(200);
    expect(report).toMatch(/[1-9]\d{2,} generated/);
  }, 400_000);
} else it.skip(`${name}: skipped, because ${missing}`, () => {});
