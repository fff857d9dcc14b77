import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ConnectionPool } from '../../src/adapters/postgres/connection-pool.js';
import { PostgresCheckpoints } from '../../src/adapters/postgres/postgres-checkpoints.js';
import { PostgresRecord } from '../../src/adapters/postgres/postgres-record.js';
import type { NewEvent } from '../../src/events/envelope.js';
import { MemoryEventLog } from '../support/memory/memory-event-log.js';
import { appendAtEnd } from '../support/new-events.js';
import { NotaryGround } from '../support/notary-ground.js';
import { startTestPostgres, type TestPostgres, withClient } from '../support/postgres-cluster.js';
import { until } from '../support/until.js';

const event = (tenant: string, conversation: string): NewEvent => ({
  ...{ id: randomUUID(), type: 'MessageSent', schema: 2, tenant, at: '2026-01-02T03:04:05.678Z' },
  ...{ data: '{}', meta: JSON.stringify({ conversation, owner: 'u1', p: 1 }) },
});

let postgres: TestPostgres;
let pool: ConnectionPool;
let ground: NotaryGround;
beforeEach(async () => {
  postgres = await startTestPostgres();
  pool = new ConnectionPool(postgres.connection, 4, 10_000);
  const stores = { record: new PostgresRecord(pool), checkpoints: new PostgresCheckpoints(pool) };
  ground = new NotaryGround(new MemoryEventLog(), stores);
});
afterEach(async () => {
  await ground.stop();
  await pool.close();
  await postgres.stop();
});

const change = (statement: string) => withClient(postgres.connection, (client) => client.query(statement));
const append = (tenant: string, conversation: string, count = 1) =>
  appendAtEnd(
    ground.log,
    `conversation-${tenant}-${conversation}`,
    Array.from({ length: count }, () => event(tenant, `${tenant}-${conversation}`)),
  );
const OF_ACME = "tenant = 'acme' AND name";
const CHAIN = 'the stored end of conversation-acme-c1 is not its last entry';
const OWNER = 'the stored end of the conversations of u1 is not the last one';
/** Of an entry that is further back. */
const EARLIER = `next = 1, entry = 0, hash = (SELECT hash FROM views.record_entries WHERE tenant = 'acme' AND index = 0)`;
const END_OF_C2 = `(next, entry, hash) =
  (SELECT next, entry, hash FROM views.record_chains WHERE tenant = 'acme' AND name LIKE '%c2')`;

describe('what the database holds of a tenant whose next entry is made', () => {
  it.each([
    [
      'an end of a chain with another hash',
      `UPDATE views.record_chains SET hash = sha256('x') WHERE ${OF_ACME} LIKE '%c1'`,
      CHAIN,
    ],
    [
      'an end of a chain with another number',
      `UPDATE views.record_chains SET next = 2 WHERE ${OF_ACME} LIKE '%c1'`,
      CHAIN,
    ],
    ['the end of another chain', `UPDATE views.record_chains SET ${END_OF_C2} WHERE ${OF_ACME} LIKE '%c1'`, CHAIN],
    ['an earlier end of a chain', `UPDATE views.record_chains SET ${EARLIER} WHERE ${OF_ACME} LIKE '%c1'`, CHAIN],
    ['no end of a chain', `DELETE FROM views.record_chains WHERE ${OF_ACME} LIKE '%c1'`, CHAIN],
    [
      'an end of a chain without an entry',
      `UPDATE views.record_chains SET entry = NULL WHERE ${OF_ACME} LIKE '%c1'`,
      CHAIN,
    ],
    [
      'an end of an owner with another hash',
      `UPDATE views.record_owners SET hash = sha256('x') WHERE ${OF_ACME} = 'u1'`,
      OWNER,
    ],
    ['an earlier end of an owner', `UPDATE views.record_owners SET ${EARLIER} WHERE ${OF_ACME} = 'u1'`, OWNER],
    ['no end of an owner', `DELETE FROM views.record_owners WHERE ${OF_ACME} = 'u1'`, OWNER],
    [
      'a smaller tree',
      `UPDATE views.record_trees SET size = 2, edge = substr(edge, 1, 32) WHERE tenant = 'acme'`,
      'the stored tree has 2 entries, and 5 are stored',
    ],
    [
      'a larger tree',
      `UPDATE views.record_trees SET size = 8, edge = substr(edge, 1, 32) WHERE tenant = 'acme'`,
      'the stored tree has 8 entries, and 5 are stored',
    ],
    [
      'no tree',
      `DELETE FROM views.record_trees WHERE tenant = 'acme'`,
      'the stored tree has 0 entries, and 5 are stored',
    ],
    [
      'a tree without a hash of its edge',
      `UPDATE views.record_trees SET edge = substr(edge, 1, 32) WHERE tenant = 'acme'`,
      'the stored tree of 5 entries has other hashes',
    ],
  ])(
    'is compared with its entries: %s stops this tenant alone, unsigned, until a rebuild',
    async (_fault, statement, reason) => {
      ground.start();
      for (const tenant of ['acme', 'b']) {
        await append(tenant, 'c1', 3);
        await append(tenant, 'c2', 2);
      }
      await ground.signed();
      await change(statement);
      // Only the first entry of a conversation continues those of its owner.
      for (const tenant of ['acme', 'b']) await append(tenant, reason === OWNER ? 'c3' : 'c1');
      await until(async () => (await ground.noted('b'))?.size === 6 && (await ground.record.troubles(10)).size > 0);
      expect([...(await ground.record.troubles(10))]).toEqual([['acme', reason]]);
      expect(await ground.noted('acme')).toMatchObject({ size: 5 });
      expect(await ground.entries('acme')).toHaveLength(5);
      expect(ground.health.failures).toEqual([]);

      await ground.stop();
      await ground.record.forget('notary');
      ground.start({ holder: 'node-2' });
      await until(async () => (await ground.noted('acme'))?.size === 6);
      expect((await ground.record.troubles(10)).size).toBe(0);
      expect((await ground.check()).flatMap(({ mistakes }) => mistakes)).toEqual([]);
    },
  );
});

it('rows of a tenant that the database refuses stop this tenant alone, until a rebuild', async () => {
  ground.start();
  for (const tenant of ['acme', 'b']) await append(tenant, 'c1', 3);
  await ground.signed();
  await change(
    `ALTER TABLE views.record_entries ADD CONSTRAINT refused CHECK (tenant <> 'acme' OR index < 3) NOT VALID`,
  );
  for (const tenant of ['acme', 'b']) await append(tenant, 'c1');
  await until(async () => (await ground.noted('b'))?.size === 4 && (await ground.record.troubles(10)).size > 0);
  const reason = 'the database refuses its entries (SQLSTATE 23514 of record_entries)';
  expect([...(await ground.record.troubles(10))]).toEqual([['acme', reason]]);
  expect(await ground.entries('acme')).toHaveLength(3);
  expect(ground.health.failures).toEqual([]);

  await ground.stop();
  await change('ALTER TABLE views.record_entries DROP CONSTRAINT refused');
  await ground.record.forget('notary');
  ground.start({ holder: 'node-2' });
  await until(async () => (await ground.noted('acme'))?.size === 4);
  expect((await ground.record.troubles(10)).size).toBe(0);
});
