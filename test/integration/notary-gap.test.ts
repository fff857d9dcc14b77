import { describe, expect, it } from '@jest/globals';
import { PostgresEventLog } from '../../src/adapters/postgres/postgres-event-log.js';
import { ChatLog } from '../support/chat-log.js';
import { NotaryGround } from '../support/notary-ground.js';
import { startTestPostgres, withClient } from '../support/postgres-cluster.js';
import { until } from '../support/until.js';

/** As the owner of the tables can, past the triggers that refuse it. */
const RENAME = `
  SET session_replication_role = replica;
  UPDATE log.events SET stream = 'generation-renamed', revision = 0
  WHERE tenant = 'acme' AND type = 'DeltaReceived' AND revision = 1`;

it('an event of a tape that PostgreSQL lacks stops the record of its tenant alone', async () => {
  const postgres = await startTestPostgres();
  const before = new PostgresEventLog(postgres.connection);
  const damaged = await new ChatLog(before, 'a', { tenant: 'acme', owner: 'ada' }).started();
  await damaged.turn('1', ['Hel', 'lo']);
  // A log keeps recent events in memory.
  await before.close();
  await withClient(postgres.connection, (client) => client.query(RENAME));

  const log = new PostgresEventLog(postgres.connection);
  const ground = new NotaryGround(log);
  try {
    const whole = await new ChatLog(log, 'b').started();
    await whole.turn('2', ['Hel', 'lo']);
    ground.start();
    await until(async () => (await ground.noted('default'))?.size === 6);
    const reason = 'the log lacks event 1 of generation-g1';
    expect([...(await ground.record.troubles(10))]).toEqual([['acme', reason]]);
    await whole.turn('3', ['Hel', 'lo']);
    await until(async () => (await ground.noted('default'))?.size === 11);
    expect(await ground.check()).toEqual(
      expect.arrayContaining([
        { tenant: 'acme', size: 4, stored: 4, signed: 4, mistakes: [reason] },
        { tenant: 'default', size: 11, stored: 11, signed: 11, mistakes: [] },
      ]),
    );
    expect(ground.health.failures).toEqual([]);
  } finally {
    await ground.stop();
    await log.close();
    await postgres.stop();
  }
});

it('an event is recorded as its process appended it, and a change of it is found by the check', async () => {
  const postgres = await startTestPostgres();
  const log = new PostgresEventLog(postgres.connection);
  const ground = new NotaryGround(log);
  try {
    await (await new ChatLog(log, 'a', { tenant: 'acme', owner: 'ada' }).started()).sent('m1', 'Hello');
    await withClient(postgres.connection, (client) =>
      client.query(`
        SET session_replication_role = replica;
        UPDATE log.events SET data = '{"changed":true}' WHERE stream = 'conversation-a' AND revision = 1`),
    );
    ground.start();
    await until(async () => (await ground.noted('acme'))?.size === 2);
    const changed = 'entry 1 is not that of event 1 of conversation-a';
    expect(await ground.check()).toMatchObject([
      {
        tenant: 'acme',
        mistakes: expect.arrayContaining([changed, 'the kept signed tree of 2 entries has another root']),
      },
    ]);
  } finally {
    await ground.stop();
    await log.close();
    await postgres.stop();
  }
});

describe('an event that was deleted from PostgreSQL', () => {
  const asOwner = (statement: string) => `SET session_replication_role = replica; ${statement}`;
  const ofAcme = (condition: string) => asOwner(`DELETE FROM log.events WHERE tenant = 'acme' AND ${condition}`);
  /** The history below has 8 events of acme and of b, in turn, and then more. */
  const CHAT = 'conversation-a';

  /** A log with two tenants, one of which lacks an event before the notary begins. */
  async function withDamaged(
    statement: string,
    work: (ground: NotaryGround, log: PostgresEventLog) => Promise<void>,
  ): Promise<void> {
    const postgres = await startTestPostgres();
    const before = new PostgresEventLog(postgres.connection);
    for (const [tenant, id] of [
      ['acme', 'a'],
      ['b', 'b'],
      ['acme', 'a2'],
      ['b', 'b2'],
    ] as const) {
      const chat = await new ChatLog(before, id, { tenant, owner: 'ada' }).started();
      await chat.turn(id, ['Hel', 'lo']);
    }
    // A log keeps recent events in memory.
    await before.close();
    await withClient(postgres.connection, (client) => client.query(statement));
    const log = new PostgresEventLog(postgres.connection);
    const ground = new NotaryGround(log);
    try {
      await work(ground, log);
    } finally {
      await ground.stop();
      await log.close();
      await postgres.stop();
    }
  }

  it.each([
    ['in the middle of a stream', ofAcme(`stream = '${CHAT}' AND revision = 1`), `event 1 of ${CHAT}`, 1],
    ['at the beginning of a stream', ofAcme(`stream = '${CHAT}' AND revision = 0`), `event 0 of ${CHAT}`, 0],
    ['at the end of a stream', ofAcme(`stream = '${CHAT}' AND revision = 4`), `event 4 of ${CHAT}`, 5],
    ['in a tape', ofAcme(`stream = 'generation-ga' AND revision = 2`), 'event 2 of generation-ga', 4],
    ['with its whole stream', ofAcme(`stream = '${CHAT}'`), `event 0 of ${CHAT}`, 0],
    [
      'with its whole stream, of which later events lie behind those of others',
      ofAcme(`stream = 'conversation-a2'`),
      'event 0 of conversation-a2',
      6,
    ],
  ])('%s stops the record of its tenant alone, at its place', async (_where, statement, lacked, size) => {
    await withDamaged(statement, async (ground, log) => {
      ground.start();
      await until(async () => (await ground.noted('b'))?.size === 12);
      const reason = `the log lacks ${lacked}`;
      expect([...(await ground.record.troubles(10))]).toEqual([['acme', reason]]);
      const chat = await new ChatLog(log, 'b3', { tenant: 'b', owner: 'ada' }).started();
      await chat.turn('b3', ['Hel', 'lo']);
      await until(async () => (await ground.noted('b'))?.size === 18);
      expect(await ground.check()).toEqual(
        expect.arrayContaining([
          { tenant: 'acme', size, stored: size, signed: size === 0 ? null : size, mistakes: [reason] },
          { tenant: 'b', size: 18, stored: 18, signed: 18, mistakes: [] },
        ]),
      );
      expect(ground.health.failures).toEqual([]);
    });
  });

  it('stops the records of both tenants that lack one', async () => {
    const statement = asOwner(`DELETE FROM log.events WHERE stream LIKE 'conversation-_' AND revision = 1`);
    await withDamaged(statement, async (ground, log) => {
      const whole = await new ChatLog(log, 'c').started();
      await whole.turn('c', ['Hel', 'lo']);
      ground.start();
      await until(async () => (await ground.noted('default'))?.size === 6);
      expect([...(await ground.record.troubles(10))]).toEqual([
        ['acme', 'the log lacks event 1 of conversation-a'],
        ['b', 'the log lacks event 1 of conversation-b'],
      ]);
    });
  });

  it('stops the records of all tenants where PostgreSQL does not know its stream any more', async () => {
    const statement = `${ofAcme(`stream = '${CHAT}'`)}; DELETE FROM log.streams WHERE stream = '${CHAT}'`;
    await withDamaged(statement, async (ground) => {
      const notary = ground.start();
      await until(() => notary.state.is === 'failed');
      expect(notary.state).toMatchObject({ reason: expect.stringContaining('the log lacks events behind position') });
      await expect(ground.check()).rejects.toThrow('the log lacks events behind position');
    });
  });
});
