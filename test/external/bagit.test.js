import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, expect, it } from '@jest/globals';
import { installed, root, startProduct } from './tools.js';

const ANSWER_MS_MAX = 60_000;
const LOOK_MS = 100;

const folder = mkdtempSync(join(tmpdir(), 'verbatim-bagit-'));
chmodSync(folder, 0o755);
let product;
afterAll(async () => {
  await product?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** One turn of a new conversation, which the record has signed. */
async function recordedConversation(address, key) {
  const call = async (method, path, body) => {
    const answer = await fetch(`${address}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      ...(body && { body: JSON.stringify(body) }),
    });
    return { status: answer.status, json: await answer.json() };
  };
  const { json: started } = await call('POST', '/conversations', { title: 'For an auditor' });
  const { json: turn } = await call('POST', `/conversations/${started.id}/messages`, { content: 'Hello' });
  const end = performance.now() + ANSWER_MS_MAX;
  while ((await call('GET', `/runs/${turn.generationId}/proof`)).status !== 200) {
    if (performance.now() > end) throw new Error('the turn was not recorded in time');
    await sleep(LOOK_MS);
  }
  return started.id;
}

const { programs, missing } = installed(folder, 'bagit.txt');
const name = 'bagit.py finds a bag of the product valid, and one with another byte not';

if (missing === undefined) {
  it(name, async () => {
    const key = `vb_external_${randomBytes(32).toString('hex')}`;
    product = startProduct(folder, key);
    const conversation = await recordedConversation(await product.address, key);
    const run = (program, ...words) => spawnSync(program, words, { encoding: 'utf8', env: product.environment });
    const verbatim = join(root, 'scripts', 'verbatim.mjs');
    const bag = join(folder, 'bag.zip');
    const made = run(process.execPath, verbatim, 'export', '--conversation', conversation, '--out', bag);
    expect([made.status, made.stderr]).toEqual([0, '']);

    // Python's own reader of zips checks the CRC-32 of each file, and unpacks.
    const python = join(programs, 'python');
    expect(run(python, '-m', 'zipfile', '--test', bag).stdout).toBe('Done testing\n');
    expect(run(python, '-m', 'zipfile', '--extract', bag, join(folder, 'unpacked')).status).toBe(0);
    const [top, ...others] = readdirSync(join(folder, 'unpacked'));
    expect(others).toEqual([]);
    const unpacked = join(folder, 'unpacked', top);
    const validate = () => run(python, join(programs, 'bagit.py'), '--validate', unpacked);
    const { status, stderr } = validate();
    expect([status, stderr]).toEqual([0, expect.stringContaining('is valid')]);
    const entries = join(unpacked, 'data', 'entries.txt');
    writeFileSync(entries, readFileSync(entries, 'utf8').replace('"n":0', '"n":1'));
    expect([validate().status, validate().stderr]).toEqual([1, expect.stringContaining('data/entries.txt')]);
  }, 300_000);
} else it.skip(`${name}: skipped, because ${missing}`, () => {});
