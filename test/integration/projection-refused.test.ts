import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type pg from 'pg';
import { ConnectionPool } from '../../src/adapters/postgres/connection-pool.js';
import { PostgresBuilds } from '../../src/adapters/postgres/views/postgres-builds.js';
import { PostgresLaneStore } from '../../src/adapters/postgres/views/postgres-lane-store.js';
import { ViewReader } from '../../src/adapters/postgres/views/view-reader.js';
import { postgresViews } from '../../src/app/read-models.js';
import { projections } from '../../src/projections/all.js';
import { ChatLog } from '../support/chat-log.js';
import { MemoryEventLog } from '../support/memory/memory-event-log.js';
import { startTestPostgres, type TestPostgres, withClient } from '../support/postgres-cluster.js';
import { type Projecting, startProjecting } from '../support/projecting.js';
import { until } from '../support/until.js';

const NAMES = projections.map(({ name }) => name);
const TABLES = projections.flatMap(({ tables }) => tables.map(({ name }) => `${name}_1`));

describe('a database that refuses what lanes write', () => {
  let postgres: TestPostgres;
  let connection: pg.ClientConfig;
  let owner: ConnectionPool;
  let lanes: ConnectionPool;
  let builds: PostgresBuilds;
  let log: MemoryEventLog;
  let projecting: Projecting | undefined;
  beforeAll(async () => {
    postgres = await startTestPostgres();
    await withClient(postgres.connection, (client) => client.query('CREATE ROLE lanes'));
  });
  afterAll(() => postgres.stop());
  beforeEach(async () => {
    connection = await postgres.newDatabase();
    owner = new ConnectionPool(connection, 4, 20_000);
    builds = new PostgresBuilds(owner);
    log = new MemoryEventLog();
    await builds.prepare(projections);
    await sql(`GRANT USAGE ON SCHEMA views TO lanes;
      GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA views TO lanes`);
    for (let nth = 0; nth < 30; nth++) {
      const chat = await new ChatLog(log).started(`${nth}`);
      await (await chat.turn('1', ['Hello'])).looked('g1');
    }
  });
  afterEach(async () => {
    await projecting?.stop();
    await lanes.close();
    await owner.close();
  });

  const sql = (text: string) => withClient(connection, (client) => client.query(text));
  const start = async (answerMs = 20_000) => {
    lanes = new ConnectionPool(connection, 4, answerMs, async (client) => void (await client.query('SET ROLE lanes')));
    const stores = { builds, lanes: new PostgresLaneStore(lanes), views: postgresViews(new ViewReader(owner)) };
    projecting = await startProjecting(log, stores);
    return projecting;
  };
  const reasons = async () => (await builds.list()).map((build) => build.poison?.reason ?? '');
  const parked = async () => (await builds.list()).flatMap((build) => build.parked);

  it.each([
    [
      'a right is missing (SQLSTATE 42501)',
      (table: string) => `REVOKE INSERT ON views.${table} FROM lanes`,
      (table: string) => `GRANT INSERT ON views.${table} TO lanes`,
    ],
    [
      'a column is missing (SQLSTATE 42703)',
      (table: string) => `ALTER TABLE views.${table} RENAME COLUMN key TO lost`,
      (table: string) => `ALTER TABLE views.${table} RENAME COLUMN lost TO key`,
    ],
    [
      'the disk is full (SQLSTATE 53100)',
      (table: string) => `CREATE TRIGGER full_disk BEFORE INSERT ON views.${table} EXECUTE FUNCTION public.full_disk()`,
      (table: string) => `DROP TRIGGER full_disk ON views.${table}`,
    ],
  ])(
    'holds every lane with its reason, parks nothing, and lets them go on when it is repaired: %s',
    async (...cause) => {
      const [reason, spoil, repair] = cause;
      await sql(`CREATE FUNCTION public.full_disk() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN RAISE EXCEPTION 'full' USING ERRCODE = '53100'; END $$`);
      await sql(TABLES.map(spoil).join(';'));
      const { warnings, caughtUp } = await start();
      await until(async () => (await reasons()).every((each) => each !== ''));
      expect(await reasons()).toEqual(NAMES.map((name) => `${name} cannot be written: ${reason}`));
      expect(await parked()).toEqual([]);
      await sql(TABLES.map(repair).join(';'));
      await caughtUp();
      await until(async () => (await reasons()).every((each) => each === ''));
      expect(await parked()).toEqual([]);
      // Each lane has said it once, however often it tried.
      expect(warnings).toHaveLength(NAMES.length);
    },
  );

  it('in time only small steps, gets them: no step fails for ever, and nothing is parked', async () => {
    await sql(`CREATE FUNCTION public.slow() RETURNS trigger LANGUAGE plpgsql AS
      $$ BEGIN PERFORM pg_sleep(0.05); RETURN NEW; END $$`);
    const slow = (table: string) =>
      `CREATE TRIGGER slow BEFORE INSERT ON views.${table} FOR EACH ROW EXECUTE FUNCTION public.slow()`;
    await sql(['said_1', 'nodes_1'].map(slow).join(';'));
    // All rows at once take 3 s.
    const { caughtUp, warnings } = await start(1_500);
    await caughtUp();
    expect(await parked()).toEqual([]);
    expect(await reasons()).toEqual(NAMES.map(() => ''));
    expect(warnings).toEqual([]);
  });
});
