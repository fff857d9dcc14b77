import { expect, it } from '@jest/globals';
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
