import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { bodyOf, contentOf } from '../../src/formats/record-1/content.js';
import { base64, sha256 } from '../../src/formats/record-1/hashes.js';
import type { PublishedCensus } from '../../src/monitor/published.js';
import { RecordMonitor } from '../../src/monitor/record-monitor.js';
import { type Chat, startChat } from '../support/chat.js';
import { expectProblem } from '../support/expect-problem.js';
import { takeCensus } from '../support/taken-census.js';
import { until } from '../support/until.js';

const RECORD = '/api/v1/record';

let chat: Chat;
let auditor: string;
let conversation: string;
beforeAll(async () => {
  chat = await startChat();
  auditor = (await chat.newKey('auditor')).key;
  conversation = await chat.started();
  const { generationId } = await chat.done(conversation, { content: 'Hello' });
  await until(async () => (await get(`/api/v1/runs/${generationId}/proof`)).status === 200);
});
afterAll(() => chat.close());

const get = (url: string, key = auditor) => chat.call('GET', url, { key });
const read = async <T>(url: string) => (await get(url)).json as T;

interface Proof extends PublishedCensus {
  readonly chains: string[];
  readonly before: object | null;
  readonly after: object | null;
  readonly next: number | null;
}

describe('the census over HTTP', () => {
  it('does not exist before it is taken', async () => {
    expectProblem(await get(`${RECORD}/census`), 409, 'not_recorded_yet');
    expectProblem(await get(`${RECORD}/census/proof`), 409, 'not_recorded_yet');
  });

  it('is the one of the signed event, and a monitor of the API recomputes it', async () => {
    await takeCensus(chat.engines);
    await until(async () => (await get(`${RECORD}/census`)).status === 200);
    const census = await read<PublishedCensus>(`${RECORD}/census`);
    const { leaf } = await read<{ leaf: string }>(`${RECORD}/entries/${census.index}`);
    const { data, meta, index: _, ...counted } = census;
    expect(JSON.parse(leaf)).toMatchObject({
      ...{ type: 'CensusTaken', stream: 'compliance-default' },
      body: base64(sha256(bodyOf(contentOf({ data, meta }).content))),
    });
    expect(JSON.parse(data)).toEqual(counted);
    const { vkey } = await read<{ vkey: string }>(`${RECORD}/key`);
    const monitor = new RecordMonitor({
      verifierKey: vkey,
      source: {
        census: () => read(`${RECORD}/census`),
        keys: async () => undefined,
        checkpoint: async () => (await get(`${RECORD}/checkpoint`)).text,
        bundle: async ({ index, width }) => {
          const url = `${RECORD}/tile/entries/${String(index).padStart(3, '0')}${width < 256 ? `.p/${width}` : ''}`;
          const headers = { authorization: `Bearer ${auditor}` };
          return (await chat.app.inject({ method: 'GET', url, headers })).rawPayload;
        },
        tape: async (stream) => {
          const id = stream.replace('generation-', '');
          return (await read<{ tape: { events: string[] } }>(`/api/v1/runs/${id}/proof`)).tape.events;
        },
      },
    });
    expect(await monitor.check()).toMatchObject({ census: census.size, tapes: 1 });
  });

  it('proves one conversation and all chains of the tenant', async () => {
    const one = await read<Proof>(`${RECORD}/census/proof?conversation=${conversation}`);
    expect(one.chains.map((leaf) => JSON.parse(leaf).chain)).toEqual([`conversation-${conversation}`]);
    const all = await read<Proof>(`${RECORD}/census/proof`);
    expect([all.chains.length, all.before, all.after, all.next]).toEqual([one.count, null, null, null]);
    expect(all.chains).toContain(one.chains[0]);
  });

  it('does not prove that an owner has no conversation while the record has no owners', async () => {
    expectProblem(await get(`${RECORD}/census/proof?owner=ada`), 409, 'owners_not_recorded');
    expectProblem(await get(`${RECORD}/census/proof?owner=ada&from=0`), 409, 'owners_not_recorded');
  });

  it('is for auditors, and refuses questions that have no answer', async () => {
    const member = (await chat.newKey('member')).key;
    for (const path of ['census', 'census/proof'])
      expectProblem(await get(`${RECORD}/${path}`, member), 403, 'forbidden');
    const unknown = '3f6c1c52-9d0e-4b7a-8f25-6a1b0c9d7e10';
    expectProblem(await get(`${RECORD}/census/proof?conversation=${unknown}`), 404, 'not_found');
    expectProblem(await get(`${RECORD}/census/proof?from=99`), 404, 'not_found');
    expectProblem(await get(`${RECORD}/census/proof?owner=a&conversation=${unknown}`), 422, 'value_refused');
    for (const query of ['owner=a%20b', 'owner=', 'conversation=c1', 'from=-1', 'user=ada']) {
      expectProblem(await get(`${RECORD}/census/proof?${query}`), 400, 'invalid_request');
    }
  });
});
