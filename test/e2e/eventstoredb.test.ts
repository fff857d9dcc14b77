import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ApiClient } from '../support/api-client.js';
import { type StandIn, startStandIn } from '../support/eventstore/stand-in.js';
import { command, refusedStart, startProduct } from '../support/product.js';
import { withTemporaryDirectory } from '../support/temporary-directory.js';
import { until } from '../support/until.js';

const KEY = `vb_admin_${'e5d'.repeat(12)}`;

describe('the product with its log in EventStoreDB', () => {
  let standIn: StandIn;
  beforeAll(async () => {
    standIn = await startStandIn();
  });
  afterAll(() => standIn.stop());

  const environmentOf = (dataDir: string) => ({
    EVENT_LOG_URL: standIn.url.replace('127.', 'somebody:hunter2@127.'),
    VERBATIM_DATA_DIR: dataDir,
    VERBATIM_ADMIN_KEY: KEY,
    LOG_LEVEL: 'info',
  });

  it('answers a turn, goes on after a kill, and refuses a log that is not its own', async () => {
    await withTemporaryDirectory(async (dataDir) => {
      const environment = environmentOf(dataDir);
      const first = await startProduct(environment);
      expect(first.banner).toContain(`log      EventStoreDB at 127.0.0.1:${standIn.port}\n`);
      const client = new ApiClient(first.address, KEY);
      const { id } = await client.ask('POST', '/conversations', { title: 'kept elsewhere' });
      await client.ask('POST', `/conversations/${id}/messages`, { content: 'What is a log?' });
      await until(async () => (await shown(first.address, id)).status === 'idle');
      const before = await shown(first.address, id);
      expect(before.tree.map(({ status }) => status)).toEqual(['final', 'final']);
      await first.stop('SIGKILL');
      expect(first.said()).not.toMatch(/hunter2|somebody/);

      const second = await startProduct(environment);
      await until(async () => (await shown(second.address, id)).tree.length === 2);
      expect(await shown(second.address, id)).toEqual(before);
      expect(await second.stop()).toBe(0);

      const { EVENT_LOG_URL: _, ...withoutServer } = environment;
      const { code, said } = await refusedStart(withoutServer);
      expect(code).toBe(1);
      expect(said).toMatch(/were built from another log/);

      const tail = await verbatim(environment, 'log', 'tail', '-n', '3');
      expect(tail.out.trim().split('\n')).toHaveLength(3);
      expect(tail.out).toMatch(/GenerationFinalized/);
      const [position = ''] = /\d+\/\d+/.exec(tail.out) ?? [];
      const rest = await verbatim(environment, 'log', 'tail', '--from', position);
      expect(rest.out).toBe(tail.out.split('\n').slice(1).join('\n'));
      const show = await verbatim(environment, 'log', 'show', `conversation-${id}`);
      expect(show.out).toMatch(/ConversationStarted.*MessageSent.*GenerationFinalized/s);
    });
  });

  it('does not start, and says so without a secret, when the server is not there', async () => {
    await withTemporaryDirectory(async (dataDir) => {
      await standIn.goAway();
      const { code, said } = await refusedStart(environmentOf(dataDir));
      await standIn.comeBack();
      expect(code).toBe(1);
      expect(said).toContain(`EVENT_LOG_URL: cannot reach EventStoreDB at 127.0.0.1:${standIn.port}: nobody answers`);
      expect(said).not.toMatch(/hunter2|somebody/);
    });
  });
});

interface Shown {
  readonly status: string;
  readonly tree: readonly { readonly status: string }[];
}

const shown = (address: string, id: string): Promise<Shown> =>
  new ApiClient(address, KEY).ask('GET', `/conversations/${id}`);

async function verbatim(environment: Record<string, string>, ...words: string[]) {
  const { output, ended } = command(environment, ...words);
  expect(await ended).toBe(0);
  return output;
}
