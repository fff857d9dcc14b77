import { expect, it } from '@jest/globals';
import { chunk, delta, type Script, stall, startFakeProvider } from '../support/fake-provider.js';
import { withMigratedDataDirectory } from '../support/postgres-cluster.js';
import { startProduct } from '../support/product.js';
import { startTestLog } from '../support/test-log.js';
import { until } from '../support/until.js';

const KEY = 'vb_admin_aaaaaaaaaabbbbbbbbbbccccccccccdd';
const headers = { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' };

it('the next start after a kill on an embedded database does not wait for the leases of the dead process', async () => {
  const provider = await startFakeProvider();
  const log = await startTestLog();
  const half: Script = [chunk({ choices: [{ index: 0, delta: { role: 'assistant' } }] }), delta('half an ans'), stall];
  provider.script = half;
  try {
    await withMigratedDataDirectory(async (dataDir) => {
      const environment = {
        ...log.environment,
        VERBATIM_DATA_DIR: dataDir,
        VERBATIM_ADMIN_KEY: KEY,
        OPENAI_BASE_URL: provider.baseUrl,
        VERBATIM_MODEL: 'm',
        // Far longer than any test waits.
        VERBATIM_LEASE_MS: '600000',
      };
      const first = await startProduct(environment);
      const post = async (path: string, body: object) =>
        (await fetch(`${first.address}/api/v1${path}`, { method: 'POST', headers, body: JSON.stringify(body) })).json();
      const { id } = (await post('/conversations', {})) as { id: string };
      const { generationId } = (await post(`/conversations/${id}/messages`, { content: 'Hi' })) as {
        generationId: string;
      };
      const runAt = async (address: string) =>
        (await (await fetch(`${address}/api/v1/runs/${generationId}/deltas`, { headers })).json()) as {
          items: { text: string }[];
        };
      await until(async () => (await runAt(first.address)).items.length > 0);
      await first.stop('SIGKILL');

      const second = await startProduct(environment);
      try {
        const run = async () =>
          (await (await fetch(`${second.address}/api/v1/runs/${generationId}`, { headers })).json()) as {
            status: string;
          };
        await until(async () => (await run()).status === 'error');
        expect(await run()).toMatchObject({ status: 'error', usage: null, error: { kind: 'interrupted' } });
        expect((await runAt(second.address)).items.map(({ text }) => text)).toEqual(['half an ans']);
        expect(provider.requests).toHaveLength(1);
      } finally {
        await second.stop();
      }
    });
  } finally {
    await log.stop();
    await provider.stop();
  }
});
