import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RecordedEvent } from '../../src/events/envelope.js';
import type { AllStreamsFilter, EventLog } from '../../src/ports/event-log.js';
import type { Lag } from '../../src/ports/lag.js';
import { ApiClient } from './api-client.js';
import { breaches } from './invariants/check.js';
import { LiveChat } from './live-chat.js';
import { countEvents, wholeStream } from './new-events.js';
import { MODEL, type PlayedProvider, startPlayedProvider } from './played-provider.js';
import { databaseUrl, served, startTestPostgres, type TestPostgres, withClient } from './postgres-cluster.js';
import { type Product, startProduct } from './product.js';
import { startTestLog, type TestLog } from './test-log.js';
import { TurnJournal } from './turn-journal.js';
import { until } from './until.js';
import { differences } from './view-rows.js';

export const ADMIN_KEY = `vb_admin_${'e2e'.repeat(20)}`;

/** Four read models of some thousands of turns, from a stand-in of EventStoreDB and beside another test. */
const REBUILD_MS = 40_000;

/** The product as a process on a real database, asking a provider that does what the test says. */
export class LiveProduct {
  readonly journal = new TurnJournal();
  readonly admin: ApiClient;
  /** Read behind the product's back. */
  private readonly log: EventLog;
  private readonly clients: ApiClient[] = [];
  private users = 0;

  private constructor(
    readonly product: Product,
    readonly provider: PlayedProvider,
    private readonly postgres: TestPostgres,
    private readonly testLog: TestLog,
    private readonly directory: string,
  ) {
    this.log = testLog.open(postgres.connection);
    this.admin = this.client(ADMIN_KEY);
  }

  static async start(settings: Record<string, string> = {}): Promise<LiveProduct> {
    const postgres = await startTestPostgres();
    const testLog = await startTestLog();
    const provider = await startPlayedProvider();
    const directory = await mkdtemp(join(tmpdir(), 'verbatim-live-'));
    await chmod(directory, 0o755);
    try {
      const product = await startProduct({
        ...environmentOf(provider, directory),
        DATABASE_URL: databaseUrl(await served(postgres.connection)),
        ...testLog.environment,
        ...settings,
      });
      return new LiveProduct(product, provider, postgres, testLog, directory);
    } catch (error) {
      await provider.stop();
      await testLog.stop();
      await postgres.stop();
      await rm(directory, { recursive: true, force: true });
      throw error;
    }
  }

  client(key: string): ApiClient {
    const client = new ApiClient(this.product.address, key);
    this.clients.push(client);
    return client;
  }

  /** Somebody new, with a key of their own. */
  async user(role: 'member' | 'auditor' | 'admin' = 'member', by = this.admin): Promise<ApiClient> {
    const user = `${role} ${this.users++}`;
    return this.client((await by.ask('POST', '/keys', { user, role, name: 'e2e' })).key);
  }

  async tenant(name: string): Promise<ApiClient> {
    return this.client((await this.admin.ask('POST', '/tenants', { name })).key);
  }

  async chat(body: object = {}, by?: ApiClient): Promise<LiveChat> {
    const { journal, provider } = this;
    return LiveChat.start({ journal, provider }, by ?? (await this.user()), body);
  }

  async eventCount(filter?: AllStreamsFilter): Promise<number> {
    return countEvents(this.log, filter);
  }

  stream(name: string): Promise<RecordedEvent[]> {
    return wholeStream(this.log, name);
  }

  /** What the log breaks of what clients were promised and shown. Nothing may be going on any more. */
  async breaches(...otherFailures: string[]): Promise<string[]> {
    const { log, journal, provider } = this;
    const found = await breaches({ log, journal, calls: provider.received(), otherFailures });
    // Whether there was enough to see is for the tests to say, here.
    return found.filter((breach) => !breach.startsWith('no proof'));
  }

  /** Whatever was done, each read model built anew is the one that was live. What still goes on must not count as one. */
  private async rebuildDifferences(): Promise<string[]> {
    const told = () => this.eventCount({ withoutTypes: ['DeltaReceived'] });
    for (;;) {
      const before = await told();
      const found = await this.rebuiltOnce();
      if ((await told()) === before) return found;
    }
  }

  private async rebuiltOnce(): Promise<string[]> {
    const standing = async (): Promise<{ name: string; build: number; lag: Lag }[]> =>
      (await this.admin.ask('GET', '/projections')).items;
    await until(async () => (await standing()).every(({ lag: { events, distance } }) => (events ?? distance) === 0));
    const before = await standing();
    for (const { name } of before) await this.admin.ask('POST', `/projections/${name}/rebuild`);
    await until(async () => (await standing()).every(({ build }, nth) => build !== before[nth]?.build), REBUILD_MS);
    const ask = (sql: string) =>
      withClient(this.postgres.connection, async (client) => (await client.query(sql)).rows.map(({ row }) => row));
    const found = (await standing()).map(({ name, build }, nth) =>
      differences(ask, name, before[nth]?.build ?? 0, build),
    );
    return (await Promise.all(found)).flat();
  }

  async stop(): Promise<void> {
    for (const client of this.clients) client.leave();
    const differing = await this.rebuildDifferences();
    const code = await this.product.stop();
    await this.provider.stop();
    await this.log.close();
    await this.testLog.stop();
    await this.postgres.stop();
    await rm(this.directory, { recursive: true, force: true });
    if (code !== 0) throw new Error(`it ended with ${code}:\n${this.product.said()}`);
    if (differing.length > 0) throw new Error(`a rebuilt read model is not the live one:\n${differing.join('\n')}`);
  }
}

/** All that a start needs besides a database; without one it has its own in this directory. */
export const environmentOf = (provider: PlayedProvider, dataDir: string): Record<string, string> => ({
  OPENAI_BASE_URL: provider.baseUrl,
  VERBATIM_MODEL: MODEL,
  VERBATIM_ADMIN_KEY: ADMIN_KEY,
  VERBATIM_DATA_DIR: dataDir,
  LOG_LEVEL: 'warn',
});
