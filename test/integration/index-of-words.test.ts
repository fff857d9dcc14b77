import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ConnectionPool } from '../../src/adapters/postgres/connection-pool.js';
import { PostgresBuilds } from '../../src/adapters/postgres/views/postgres-builds.js';
import type { ProjectionShape } from '../../src/ports/read-models/read-models.js';
import { projections } from '../../src/projections/all.js';
import { startTestPostgres, type TestPostgres, withClient } from '../support/postgres-cluster.js';

const WORDS = 'said';
const shape = projections.find(({ tables }) => tables.some(({ name }) => name === WORDS)) as ProjectionShape;

let postgres: TestPostgres;
let pool: ConnectionPool;
let builds: PostgresBuilds;
beforeAll(async () => {
  postgres = await startTestPostgres();
  pool = new ConnectionPool(postgres.connection, 2, 10_000);
  builds = new PostgresBuilds(pool);
  await builds.prepare([shape]);
});
afterAll(async () => {
  await pool.close();
  await postgres.stop();
});

/** How many new rows wait in a list that each search of this build would read. */
function listed(build: number): Promise<number> {
  return withClient(postgres.connection, async (client) => {
    await client.query(`
      INSERT INTO views.${WORDS}_${build} (key, tenant, owner, conversation, node, terms)
      SELECT 'row ' || n || random(), 't', 'o', 'c', 'n', to_tsvector('simple', 'word' || n) FROM generate_series(1, 50) n`);
    const index = `views.${WORDS}_${build}_terms_idx`;
    // It answers how many pages it has cleaned.
    const { rows } = await client.query(`SELECT gin_clean_pending_list('${index}')::integer AS pages`);
    return rows[0].pages;
  });
}

describe('the index of words', () => {
  it('of a live build makes no search read a list of new rows', async () => {
    expect(await listed(1)).toBe(0);
  });

  it('of a new build collects new rows until the build is live', async () => {
    await builds.begin(shape);
    expect(await listed(2)).toBeGreaterThan(0);
    expect(await builds.swap({ projection: shape.name, build: 2 })).toBe('swapped');
    expect(await listed(2)).toBe(0);
  });
});
