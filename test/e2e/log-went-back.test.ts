import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ApiClient } from '../support/api-client.js';
import { startStandIn } from '../support/eventstore/stand-in.js';
import { startFailoverAddress } from '../support/failover-address.js';
import { startOwnPostgres, withMigratedDataDirectory } from '../support/postgres-cluster.js';
import { command, type Product, run, started } from '../support/product.js';
import { StubKafka } from '../support/stub-kafka.js';
import { until } from '../support/until.js';

const KEY = `vb_admin_${'b0d'.repeat(12)}`;
const STOP_MS = 30_000;
/** Three starts and two stops of the product, the first of which may build it. */
const TEST_MS = 180_000;

/** Where the product of a test has its log, and how that is put back to an earlier moment while it runs. */
interface Ground {
  readonly environment: Record<string, string>;
  backUp(): Promise<void>;
  restore(): Promise<void>;
  stop(): Promise<void>;
}

/** Log and views fail over together, to a copy that is behind. */
async function inPostgres(): Promise<Ground> {
  const primary = await startOwnPostgres();
  const address = await startFailoverAddress(primary.connection);
  const servers = [primary];
  return {
    environment: { DATABASE_URL: address.url },
    async backUp() {
      servers.push(await primary.startFromBackup());
    },
    async restore() {
      address.leadTo((servers[1] ?? primary).connection);
    },
    async stop() {
      await address.stop();
      await Promise.all(servers.map((server) => server.stop()));
    },
  };
}

/** The log's files are put back, and the views stay ahead of it. */
async function inEventStoreDb(): Promise<Ground> {
  const standIn = await startStandIn();
  let count = 0;
  return {
    environment: { EVENT_LOG_URL: standIn.url },
    async backUp() {
      count = standIn.events.length;
    },
    restore: () => standIn.restore(count),
    stop: () => standIn.stop(),
  };
}

for (const [engine, begin] of [
  ['PostgreSQL', inPostgres],
  ['EventStoreDB', inEventStoreDb],
] as const) {
  describe(`the product whose log in ${engine} loses its tail`, () => {
    let ground: Ground;
    let kafka: StubKafka;
    const runs: ReturnType<typeof run>[] = [];
    const begun = (environment: Record<string, string>) => {
      const begin = run(environment);
      runs.push(begin);
      return begin;
    };
    beforeEach(async () => {
      [ground, kafka] = await Promise.all([begin(), StubKafka.start()]);
    });
    afterEach(async () => {
      // A test that failed leaves its product behind.
      for (const { child } of runs.splice(0)) child.kill('SIGKILL');
      await kafka.stop();
      await ground.stop();
    });
    const environmentIn = (dataDir: string) => ({
      ...{ VERBATIM_DATA_DIR: dataDir, VERBATIM_ADMIN_KEY: KEY, LOG_LEVEL: 'info' },
      KAFKA_BROKERS: kafka.brokers.join(','),
      ...ground.environment,
    });

    it(
      'stops with the way out, and then shows and relays what the log has',
      async () => {
        await withMigratedDataDirectory(async (dataDir) => {
          const environment = environmentIn(dataDir);
          const first = begun(environment);
          const product = await started(first);
          const kept = await talk(product, 'this is kept');
          await until(() => relayed(kafka).includes(kept), STOP_MS);
          await ground.backUp();
          const lost = await talk(product, 'this is lost');
          await send(product, kept, 'so is this');
          const { key: lostKey } = await new ApiClient(product.address, KEY).ask('POST', '/keys', {
            ...{ user: 'eve', role: 'member', name: 'lost' },
          });
          await until(() => relayed(kafka).includes(lost), STOP_MS);

          await ground.restore();
          await until(() => first.child.exitCode !== null, STOP_MS);
          expect(await first.ended).toBe(1);
          expect(product.said()).toMatch(/event log in \S+ went back: position \S+ does not hold event/);
          const [, incarnation = ''] = /is now in incarnation ([0-9a-f-]{36})\./.exec(product.said()) ?? [];
          expect(product.said()).toMatch(/verbatim projections list.*docs\/operations\.md/s);
          const relayedBefore = kafka.kept.length;

          const second = await started(begun(environment));
          expect(await readiness(second)).toMatchObject({ status: 'ready' });
          const api = new ApiClient(second.address, KEY);
          expect((await api.call('GET', `/conversations/${lost}`)).status).toBe(404);
          expect((await new ApiClient(second.address, lostKey).call('GET', '/me')).status).toBe(401);
          await until(async () => (await listed(api)).length > 0, STOP_MS);
          expect(await listed(api)).toEqual([kept]);
          expect(await texts(api, kept)).toEqual(['this is kept']);
          await send(second, kept, 'and this is new');
          expect(await texts(api, kept)).toEqual(['this is kept', 'and this is new']);
          const another = await talk(second, 'another conversation');
          await until(() => relayed(kafka, relayedBefore).includes(another), STOP_MS);
          const again = kafka.kept.slice(relayedBefore);
          expect(new Set(again.map(({ headers }) => headers.ce_incarnation))).toEqual(new Set([incarnation]));
          expect(relayed(kafka, relayedBefore)).toEqual(expect.arrayContaining([kept]));
          expect(relayed(kafka, relayedBefore)).not.toContain(lost);
          expect(await second.stop()).toBe(0);

          const third = await started(begun(environment));
          expect(third.said()).not.toContain('new incarnation');
          expect(await listed(new ApiClient(third.address, KEY))).toHaveLength(2);
          expect(await third.stop()).toBe(0);
        });
      },
      TEST_MS,
    );

    it(
      'stops when an operator says that log and views were restored, and then goes on with all of it',
      async () => {
        await withMigratedDataDirectory(async (dataDir) => {
          const environment = environmentIn(dataDir);
          const first = begun(environment);
          const product = await started(first);
          const kept = await talk(product, 'this is kept');
          const { output, ended } = command(environment, 'log', 'restored', '--json');
          expect([await ended, output.err]).toEqual([0, '']);
          const { incarnation } = JSON.parse(output.out);
          await until(() => first.child.exitCode !== null, STOP_MS);
          expect(product.said()).toContain(`another process has begun incarnation ${incarnation} of the event log`);

          const second = await started(begun(environment));
          expect(second.said()).toContain(`is in a new incarnation: ${incarnation}.`);
          const api = new ApiClient(second.address, KEY);
          await until(async () => (await listed(api)).length === 1, STOP_MS);
          await send(second, kept, 'and this is new');
          expect(await texts(api, kept)).toEqual(['this is kept', 'and this is new']);
          const isOfIt = () => kafka.kept.filter(({ headers }) => headers.ce_incarnation === incarnation);
          await until(() => isOfIt().some(({ headers }) => headers.ce_type === 'ConversationStarted'), STOP_MS);
          expect(await second.stop()).toBe(0);
        });
      },
      TEST_MS,
    );
  });
}

async function talk(product: Product, content: string): Promise<string> {
  const { id } = await new ApiClient(product.address, KEY).ask('POST', '/conversations', { title: content });
  await send(product, id, content);
  return id;
}

/** Until the answer is there, and shown. */
async function send({ address }: Product, conversation: string, content: string): Promise<void> {
  const api = new ApiClient(address, KEY);
  await api.ask('POST', `/conversations/${conversation}/messages`, { content });
  await until(async () => {
    const { status, tree } = await api.ask('GET', `/conversations/${conversation}`);
    return status === 'idle' && tree.at(-1).status === 'final';
  }, STOP_MS);
}

async function texts(api: ApiClient, conversation: string): Promise<string[]> {
  const { tree } = await api.ask('GET', `/conversations/${conversation}`);
  return tree.flatMap(({ role, text }: { role: string; text: string }) => (role === 'user' ? [text] : []));
}

async function listed(api: ApiClient): Promise<string[]> {
  const { items } = await api.ask('GET', '/conversations');
  return items.map(({ id }: { id: string }) => id);
}

async function readiness({ address }: Product) {
  return (await fetch(`${address}/health/ready`)).json();
}

/** The conversations whose beginning was relayed. */
const relayed = ({ kept }: StubKafka, from = 0): (string | undefined)[] =>
  kept.slice(from).flatMap(({ key, headers }) => (headers.ce_type === 'ConversationStarted' ? [key] : []));
