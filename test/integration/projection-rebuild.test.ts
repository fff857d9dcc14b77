import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ConnectionPool } from '../../src/adapters/postgres/connection-pool.js';
import { PostgresBuilds } from '../../src/adapters/postgres/views/postgres-builds.js';
import { PostgresLaneStore } from '../../src/adapters/postgres/views/postgres-lane-store.js';
import { ViewReader } from '../../src/adapters/postgres/views/view-reader.js';
import { systemClock } from '../../src/adapters/system/system-clock.js';
import { postgresViews, type Views } from '../../src/app/read-models.js';
import { Folds } from '../../src/commands/folds.js';
import { conversation } from '../../src/domain/conversation/conversation.js';
import type { EventLog } from '../../src/ports/event-log.js';
import { Advances } from '../../src/projections/advances.js';
import { projections } from '../../src/projections/all.js';
import { ConversationViews } from '../../src/projections/messages/query.js';
import { ConversationReader, readTape } from '../../src/sse/conversation-reader.js';
import { drawnSteps, playHistory } from '../support/drawn-history.js';
import { usually } from '../support/extent.js';
import { MemoryEventLog } from '../support/memory/memory-event-log.js';
import { MemoryHints } from '../support/memory/memory-hints.js';
import { MemoryLeases } from '../support/memory/memory-leases.js';
import { codec } from '../support/new-events.js';
import { startTestPostgres, type TestPostgres } from '../support/postgres-cluster.js';
import { startProjecting } from '../support/projecting.js';
import { drawnDeliveries, redelivering } from '../support/redelivering-log.js';
import { until } from '../support/until.js';
import { rowsOfBuild } from '../support/view-rows.js';

/** Each run creates, fills and drops all tables twice, beside other tests. */
const SEVERAL_BUILDS_MS = 240_000;

describe('read models that are built again', () => {
  let postgres: TestPostgres;
  beforeAll(async () => {
    postgres = await startTestPostgres();
  });
  afterAll(() => postgres.stop());

  async function withStores(
    test: (stores: { builds: PostgresBuilds; lanes: PostgresLaneStore; views: Views }, rows: RowsOf) => Promise<void>,
  ): Promise<void> {
    const pool = new ConnectionPool(await postgres.newDatabase(), 8, 20_000);
    const ask = async (sql: string) =>
      (await pool.query<[unknown]>({ text: sql, rowMode: 'array' })).map(([row]) => row);
    const rows: RowsOf = (build) => rowsOfBuild(ask, build);
    try {
      await test(
        {
          builds: new PostgresBuilds(pool),
          lanes: new PostgresLaneStore(pool),
          views: postgresViews(new ViewReader(pool)),
        },
        rows,
      );
    } finally {
      await pool.close();
    }
  }
  type RowsOf = (build: number) => ReturnType<typeof rowsOfBuild>;

  it(
    'are the same, byte for byte, whatever was done, and agree with the log',
    async () => {
      await fc.assert(
        fc.asyncProperty(drawnSteps, async (steps) => {
          await withStores(async (stores, rows) => {
            const log = new MemoryEventLog();
            const following = await startProjecting(log, stores);
            const ids = await playHistory(log, steps);
            await following.caughtUp();
            await expectAgreement(log, stores.views, ids);

            for (const projection of projections) await stores.builds.begin(projection);
            const areSwapped = async (build: number) =>
              (await stores.builds.list()).every((each) => each.state === 'live' && each.build === build);
            following.host.wake();
            await until(() => areSwapped(2));
            const live = await rows(1);
            expect(live.heads).toHaveLength(ids.length);
            expect(await rows(2)).toEqual(live);
            await expectAgreement(log, stores.views, ids);
            await following.stop();
            expect(following.warnings).toEqual([]);
          });
        }),
        { numRuns: usually(2, 6) },
      );
    },
    SEVERAL_BUILDS_MS,
  );

  it(
    'are the same, however often, early or late events were delivered to the lanes',
    async () => {
      await fc.assert(
        fc.asyncProperty(drawnSteps, drawnDeliveries, async (steps, deliveries) => {
          await withStores(async (stores, rows) => {
            const log = new MemoryEventLog();
            const leases = new MemoryLeases(systemClock);
            const delivered = redelivering(log, deliveries);
            const nodes = await Promise.all(
              ['node-1', 'node-2'].map((holder) => startProjecting(delivered, stores, { leases, holder })),
            );
            await playHistory(log, steps);
            for (const node of nodes) await node.caughtUp();
            for (const node of nodes) await node.stop();
            expect(nodes.flatMap(({ warnings }) => warnings)).toEqual([]);

            const plain = await startProjecting(log, stores, { leases });
            for (const projection of projections) await stores.builds.begin(projection);
            plain.host.wake();
            await until(async () =>
              (await stores.builds.list()).every(({ state, build }) => state === 'live' && build === 2),
            );
            await plain.stop();
            expect(plain.warnings).toEqual([]);
            expect(await rows(1)).toEqual(await rows(2));
          });
        }),
        { numRuns: usually(3, 8), endOnFailure: true },
      );
    },
    SEVERAL_BUILDS_MS,
  );

  async function expectAgreement(log: EventLog, views: Views, ids: readonly string[]): Promise<void> {
    const heads = new Folds(log, codec, conversation);
    const reader = new ConversationReader({ log, codec, heads });
    const read = new ConversationViews({
      ...{
        views: views.messages,
        log,
        codec,
        clock: systemClock,
        advances: new Advances(new MemoryHints(), systemClock),
        knownToHave: () => 0,
        fold: async () => {
          throw new Error('the view was late');
        },
      },
      readTape: (generation) => readTape({ log, codec }, generation),
    });
    for (const id of ids) {
      const { state } = await heads.current(`conversation-${id}`);
      const { tenant = '' } = state.owner ?? {};
      const auditor = { tenant, user: 'auditor', role: 'auditor' } as const;
      const shown = await read.view(id);
      expect(shown).toEqual(await reader.view(id, auditor));
      expect(shown).toEqual(await reader.view(id, auditor, { at: cursorOf(shown.cursor) }));
    }
  }
});

function cursorOf(text: string) {
  const [ledger = 0, tape = 0] = text.split(':').map(Number);
  return { ledger, tape };
}
