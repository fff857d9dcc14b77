import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ADMIN_KEY } from '../support/failpoint-process.js';
import { breaches } from '../support/invariants/check.js';
import { type Product, startProduct } from '../support/product.js';
import { askAllAgain } from '../support/turn-client.js';
import type { Failure, Service } from '../support/turn-feed.js';
import { TurnGround } from '../support/turn-ground.js';
import { TurnJournal } from '../support/turn-journal.js';
import { runLoad } from '../support/turn-load.js';
import { startTurnProvider } from '../support/turn-provider.js';

/** Each process starts anew while the load goes on, beside another test. */
const DEADLINE_MS = 150_000;

/** Slow answers: the load lasts as long as the starts, and they need the machine. */
const WORD_EVERY_MS = 50;

let ground: TurnGround;
let dataDir: string;
beforeAll(async () => {
  ground = await TurnGround.prepare();
  dataDir = await mkdtemp(join(tmpdir(), 'verbatim-rolling-'));
});
afterAll(async () => {
  await ground.clear();
  await rm(dataDir, { recursive: true, force: true });
});

interface Serving {
  readonly roles: string;
  readonly product: Product;
}

/** Processes that come and go, as a load balancer sees them. */
class Fleet {
  private serving: readonly Serving[] = [];
  private readonly all: Promise<Product>[] = [];
  private asked = 0;

  constructor(private readonly environment: Record<string, string>) {}

  async start(roles: readonly string[]): Promise<void> {
    this.serving = await Promise.all(roles.map((each) => this.started(each)));
  }

  /** Each in turn: its successor takes its place before it is told to stop, with whatever it has begun. */
  async roll(): Promise<void> {
    for (const old of this.serving) {
      const successor = await this.started(old.roles);
      this.serving = this.serving.map((each) => (each === old ? successor : each));
      expect(await old.product.stop()).toBe(0);
    }
  }

  address(): string | undefined {
    const asked = this.serving.filter(({ roles }) => roles.includes('api'));
    return asked[this.asked++ % asked.length]?.product.address;
  }

  async stop(): Promise<void> {
    for (const started of await Promise.allSettled(this.all)) {
      if (started.status === 'fulfilled') expect(await started.value.stop()).toBe(0);
    }
  }

  private async started(roles: string): Promise<Serving> {
    const starting = startProduct({ ...this.environment, VERBATIM_ROLES: roles });
    this.all.push(starting);
    return { roles, product: await starting };
  }
}

const isPutOff = (failure: Failure): boolean => failure.is === 'put off' && Number(failure.retryAfter) >= 1;

describe.each([
  ['that do everything', ['api,saga,projections', 'api,saga,projections']],
  ['with roles of their own', ['api', 'saga', 'projections']],
] as const)('processes %s', (_, roles) => {
  it(
    'are replaced one by one under load: every request is answered, every answer ends, every feed goes on',
    async () => {
      await ground.withStores(async ({ environment, log }) => {
        const provider = await startTurnProvider(() => log.head(), WORD_EVERY_MS);
        const fleet = new Fleet({
          ...environment,
          OPENAI_BASE_URL: provider.baseUrl,
          VERBATIM_MODEL: 'fake-model',
          VERBATIM_ADMIN_KEY: ADMIN_KEY,
          VERBATIM_DATA_DIR: dataDir,
          VERBATIM_LEASE_MS: '1000',
          VERBATIM_DELTA_FLUSH_MS: '5',
          LOG_LEVEL: 'warn',
        });
        const journal = new TurnJournal();
        const over = new AbortController();
        const failures: Failure[] = [];
        const service: Service = {
          key: ADMIN_KEY,
          over: over.signal,
          address: () => fleet.address(),
          onFailure: (failure) => void failures.push(failure),
        };
        try {
          await fleet.start(roles);
          let isRolling = true;
          const rolling = fleet.roll().finally(() => {
            isRolling = false;
          });
          const load = async () => {
            for (let round = 0; isRolling; round++) await runLoad(service, journal, `-${round}`);
          };
          await Promise.all([rolling, load()]);
          await askAllAgain(service, journal);
          expect(failures.filter((failure) => !isPutOff(failure))).toEqual([]);
          expect(await breaches({ log, journal, calls: provider.calls })).toEqual([]);
        } finally {
          over.abort();
          await fleet.stop();
          await provider.stop();
        }
      });
    },
    DEADLINE_MS,
  );
});
