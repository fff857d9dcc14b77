import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { EventStoreDbEventLog } from '../../src/adapters/eventstoredb/eventstoredb-event-log.js';
import { serverAddress } from '../../src/adapters/eventstoredb/server-address.js';
import { limits } from '../../src/limits.js';
import type { Lag } from '../../src/ports/lag.js';
import { projections } from '../../src/projections/all.js';
import { ApiClient } from '../support/api-client.js';
import { type StandIn, startStandIn } from '../support/eventstore/stand-in.js';
import { newDeltas, newStream } from '../support/new-events.js';
import { withMigratedDataDirectory } from '../support/postgres-cluster.js';
import { command, refusedStart, startProduct } from '../support/product.js';
import { until } from '../support/until.js';

const LONG_LOG_APPENDS = 2;
/**
 * On a machine with nothing else to do an answer takes a few milliseconds while the process catches up. Where checks count
 * by reading in the request, most of them take the 2 s after which they are given up.
 */
const MEDIAN_ANSWER_MS = 1_000;
/** Both this process and the product stream each event seven times. */
const CATCHES_UP_WITHIN_MS = 150_000;
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
    await withMigratedDataDirectory(async (dataDir) => {
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
      // The trail of the first look has been appended behind what it showed.
      const withoutLooks = rest.out.split('\n').filter((line) => !line.includes('AccessRecorded'));
      expect(withoutLooks).toEqual(tail.out.split('\n').slice(1));
      const show = await verbatim(environment, 'log', 'show', `conversation-${id}`);
      expect(show.out).toMatch(/ConversationStarted.*MessageSent.*GenerationFinalized/s);
    });
  });

  it('becomes ready on a long log while readiness is asked all the time, and never reads the log to count it', async () => {
    const log = new EventStoreDbEventLog(serverAddress(standIn.url));
    // Old, and of a kind that no read model wants: a log of another life of the product.
    for (let nth = 0; nth < LONG_LOG_APPENDS; nth++) {
      expect(await log.append(newStream(), 'none', newDeltas(limits.appendEventsMax))).toMatchObject({ revision: 999 });
    }
    await log.close();
    await withMigratedDataDirectory(async (dataDir) => {
      const subscribed = standIn.calls.get('subscribe') ?? 0;
      const sent = standIn.sentToSubscribers();
      const product = await startProduct(environmentOf(dataDir));
      const question = async () => {
        const askedAt = performance.now();
        const { status } = await fetch(`${product.address}/health/ready`);
        return { status, ms: performance.now() - askedAt };
      };
      const answers = [await question()];
      const client = new ApiClient(product.address, KEY);
      const lags = async (): Promise<Lag[]> =>
        (await client.ask('GET', '/projections')).items.map(({ lag }: { lag: Lag }) => lag);
      await until(async () => {
        answers.push(await question());
        await sleep(100);
        return (await lags()).every(({ distance }) => distance === 0);
      }, CATCHES_UP_WITHIN_MS);
      // It serves from its first answer on: what is behind is no reason to send requests elsewhere.
      expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
      const sorted = answers.map(({ ms }) => ms).sort((one, other) => one - other);
      expect(sorted[sorted.length >> 1]).toBeLessThan(MEDIAN_ANSWER_MS);
      expect(await lags()).toEqual(
        projections.map(() => ({ events: null, distance: 0, seconds: 0, estimated: false })),
      );
      expect(product.said()).toMatch(/"distance":\d+.*a projection is catching up with the log/);
      await until(() => /a projection has caught up with the log/.test(product.said()));
      // At most one to catch up for each lane and each of two subscriptions, and the one that all followers share.
      const readers = (standIn.calls.get('subscribe') ?? 0) - subscribed;
      expect(readers).toBeLessThanOrEqual(projections.length + 3);
      // The record has an entry of every event, so the notary is sent the whole log once. Nothing else is.
      expect(standIn.sentToSubscribers() - sent).toBeLessThan((LONG_LOG_APPENDS + 1) * limits.appendEventsMax);
      for (let nth = 0; nth < 20; nth++) await Promise.all([question(), fetch(`${product.address}/metrics`), lags()]);
      expect((standIn.calls.get('subscribe') ?? 0) - subscribed).toBe(readers);
      expect(await product.stop()).toBe(0);
    });
  }, 240_000);

  it('does not start, and says so without a secret, when the server is not there', async () => {
    await withMigratedDataDirectory(async (dataDir) => {
      await standIn.goAway();
      const { code, said } = await refusedStart(environmentOf(dataDir));
      await standIn.comeBack();
      expect(code).toBe(1);
      expect(said).toContain(
        `EVENT_LOG_URL: cannot reach EventStoreDB at 127.0.0.1:${standIn.port}: no EventStoreDB answers`,
      );
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
