import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Cosigner, cosignedAt } from '../../src/formats/record-1/cosignature.js';
import { sha256 } from '../../src/formats/record-1/hashes.js';
import { openNote } from '../../src/formats/record-1/note.js';
import type { AskedWitness } from '../../src/ports/witness.js';
import { expectProblem } from '../support/expect-problem.js';
import { type HttpApp, startHttpApp } from '../support/http-app.js';
import { memoryEngines } from '../support/memory-engines.js';
import { until } from '../support/until.js';

const CHECKPOINT = '/api/v1/record/checkpoint';
const cosigner = new Cosigner('witness.example/w1', sha256('the key of a witness'));
const other = new Cosigner('witness.example/w2', sha256('the key of another witness'));

const willing: AskedWitness = {
  verifierKey: cosigner.verifierKey,
  async add(request) {
    const [, text] = request.split('\n\n') as [string, string];
    return { is: 'cosigned', lines: cosigner.cosign(`${text}\n`, 1_700_000_000) };
  },
};
const refusing: AskedWitness = {
  verifierKey: other.verifierKey,
  add: async () => ({ is: 'refused', status: 404 }),
};

let http: HttpApp;
beforeAll(async () => {
  http = await startHttpApp({ ...memoryEngines(), witnesses: [refusing, willing] });
  await until(async () => (await http.call('GET', `${CHECKPOINT}?cosigned=true`)).status === 200);
});
afterAll(() => http.close());

describe('cosignatures over HTTP', () => {
  it('are in the last cosigned checkpoint, whose keys the API lists', async () => {
    const { vkey, witnesses } = (await http.call('GET', '/api/v1/record/key')).json as Record<string, unknown>;
    expect(witnesses).toEqual([other.verifierKey, cosigner.verifierKey]);
    const { text, headers } = await http.call('GET', `${CHECKPOINT}?cosigned=true`);
    expect(headers['content-type']).toBe('text/plain; charset=utf-8');
    expect(openNote(text, vkey as string)?.size).toBeGreaterThan(0);
    expect(cosignedAt(text, cosigner.verifierKey)).toBe(1_700_000_000);
    expect(cosignedAt(text, other.verifierKey)).toBeUndefined();
  });

  it('do not delay the signed notes, and a witness that refuses is counted', async () => {
    expect((await http.call('GET', CHECKPOINT)).status).toBe(200);
    await until(async () => /record_witness_refusals\{witness="witness\.example\/w2"\} 1/.test((await metrics()).text));
    const { text } = await metrics();
    expect(text).toContain('record_witness_refusals{witness="witness.example/w1"} 0');
    expect(text).toContain('record_witness_away_seconds{witness="witness.example/w2"} 0');
  });

  const metrics = () => http.call('GET', '/metrics');

  it('refuse another value than true and false', async () => {
    expectProblem(await http.call('GET', `${CHECKPOINT}?cosigned=yes`), 400, 'invalid_request');
    expect((await http.call('GET', `${CHECKPOINT}?cosigned=false`)).status).toBe(200);
  });
});
