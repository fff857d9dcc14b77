import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, it } from '@jest/globals';

const root = join(import.meta.dirname, '..', '..');
const START_MS_MAX = 120_000;

const folder = mkdtempSync(join(tmpdir(), 'verbatim-record-'));
const running = [];
afterAll(async () => {
  for (const child of running.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null)) {
    child.kill('SIGTERM');
    await once(child, 'exit');
  }
  rmSync(folder, { recursive: true, force: true });
});

/** The program that reads the record with Go's own packages, or why it could not be built. */
function built() {
  const program = join(folder, 'record');
  const environment = { ...process.env, PATH: `${process.env.PATH}:/usr/local/go/bin`, GOFLAGS: '-mod=readonly' };
  const source = join(import.meta.dirname, 'record');
  const { error, status, stderr } = spawnSync('go', ['build', '-o', program, '.'], {
    ...{ cwd: source, encoding: 'utf8', env: environment },
  });
  if (error) return { missing: 'Go is not here' };
  if (status !== 0 && /dial tcp|no such host|i\/o timeout|TLS handshake/.test(stderr)) {
    return { missing: 'its module could not be downloaded' };
  }
  if (status !== 0) throw new Error(stderr);
  return { program };
}

/** The first match in what a program prints. */
async function printed(script, words, environment, pattern) {
  const child = spawn(process.execPath, [join(root, 'scripts', script), ...words], {
    cwd: root,
    env: { PATH: process.env.PATH, LOG_LEVEL: 'fatal', ...environment },
  });
  running.push(child);
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (piece) => {
      text += piece;
    });
  }
  return until(`${script} ${words[0] ?? ''}`, async () => {
    if (child.exitCode !== null) throw new Error(`it ended: ${text}`);
    return pattern.exec(text)?.[0];
  });
}

async function until(what, find) {
  for (const end = Date.now() + START_MS_MAX; Date.now() < end; await sleep(200)) {
    const found = await find();
    if (found !== undefined) return found;
  }
  throw new Error(`${what} came not in time`);
}

const { program, missing } = built();
const name = 'the packages of the Go project verify the notes, cosignatures, tiles and proofs of the record';

if (missing === undefined) {
  it(name, async () => {
    const key = `vb_external_${randomBytes(32).toString('hex')}`;
    const settings = { VERBATIM_DATA_DIR: join(folder, 'data'), VERBATIM_ADMIN_KEY: key, PORT: '0' };
    const address = /http:\/\/127\.0\.0\.1:\d+/;
    const first = await printed('start.mjs', [], settings, address);
    const get = async (at, path) => {
      const response = await fetch(`${at}/api/v1/record/${path}`, { headers: { authorization: `Bearer ${key}` } });
      return response.status === 200 ? response.text() : undefined;
    };
    const { vkey } = JSON.parse(await until('the first checkpoint', () => get(first, 'key')));
    running[0].kill('SIGTERM');
    await once(running[0], 'exit');

    const words = ['witness', '--dir', join(folder, 'witness'), '--name', 'witness.example/w1', '--port', '0'];
    const line = await printed('verbatim.mjs', [...words, '--trust', `verbatim/=${vkey}`], {}, /\{.*\}/);
    const witness = JSON.parse(line);
    const witnesses = { VERBATIM_WITNESSES: `${witness.url} ${witness.vkey}` };
    const second = await printed('start.mjs', [], { ...settings, ...witnesses }, address);
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
    for (let nth = 0; nth < 3; nth++) {
      const body = JSON.stringify({ title: `Conversation ${nth}` });
      const response = await fetch(`${second}/api/v1/conversations`, { method: 'POST', headers, body });
      expect(response.status).toBe(201);
    }
    await until('the first cosignature', () => get(second, 'checkpoint?cosigned=true'));
    const check = (...keys) => spawnSync(program, [second, key, ...keys], { encoding: 'utf8' });
    const { status, stdout, stderr } = check(vkey, witness.vkey);
    expect([status, stderr, stdout]).toEqual([
      0,
      '',
      expect.stringMatching(/^\d+ entries, cosigned by witness\.example\/w1\n$/),
    ]);
    // The program fails where a key is another one.
    expect(check(vkey, witness.vkey.replace('w1+', 'w2+')).status).toBe(1);
  }, 300_000);
} else it.skip(`${name}: skipped, because ${missing}`, () => {});
