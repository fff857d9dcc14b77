import { expect, it } from '@jest/globals';
import { PostgresEventLog } from '../../src/adapters/postgres/postgres-event-log.js';
import { exportedBag } from '../../src/exports/bag-export.js';
import { bytesOf, CUSTODY, mistakesIn, turn, verified } from '../support/bags.js';
import { ChatLog } from '../support/chat-log.js';
import { NotaryGround } from '../support/notary-ground.js';
import { startTestPostgres, withClient } from '../support/postgres-cluster.js';

/** As the owner of the tables can, past the triggers that refuse it. */
const change = (what: string, where: string) => `
  SET session_replication_role = replica;
  UPDATE log.events SET ${what} WHERE ${where}`;

const request = { tenant: 'default', scope: { conversations: ['c1'] }, reveal: true, custody: CUSTODY };

it('a bag of a log in PostgreSQL is intact, and one after a changed row is not', async () => {
  const postgres = await startTestPostgres();
  const before = new PostgresEventLog(postgres.connection);
  const ground = new NotaryGround(before);
  const exported = async (log: PostgresEventLog) =>
    bytesOf(await exportedBag({ log, record: ground.record, keys: { find: () => new Map() } }, request));
  const changed = async (what: string, where: string) => {
    await withClient(postgres.connection, (client) => client.query(change(what, where)));
    // A log keeps recent events in memory.
    const log = new PostgresEventLog(postgres.connection);
    try {
      return mistakesIn(await verified(await exported(log)));
    } finally {
      await log.close();
    }
  };
  try {
    const chat = await new ChatLog(before, 'c1').started('Title', 'Be brief');
    await turn(chat, 'a', ['One', ' two']);
    await turn(await new ChatLog(before, 'c2').started(), 'b', ['Three']);
    ground.start();
    await ground.signed();
    const bag = await exported(before);
    const { isIntact, facts } = await verified(bag);
    expect([isIntact, facts?.texts?.answers, facts?.texts?.prompts]).toEqual([true, 1, 1]);

    expect(
      await changed("at = at + interval '1 second'", "type = 'MessageSent' AND stream = 'conversation-c1'"),
    ).toEqual(['entry 1 (MessageSent, event 1 of conversation-c1): its text is of another event']);
    expect(
      await changed("at = at - interval '1 second'", "type = 'MessageSent' AND stream = 'conversation-c1'"),
    ).toEqual([]);
    expect(
      await changed(
        `data = replace(data::text, ' two', ' ten')::json`,
        "type = 'DeltaReceived' AND stream = 'generation-gc1-a' AND revision = 2",
      ),
    ).toEqual([
      'entry 4 (AttemptEnded, event 3 of generation-gc1-a): an event of its tape is not what the entry commits to',
      expect.stringMatching(/^entry 5 \(GenerationFinalized.*: its answer is not the text of the pieces on its tape$/),
    ]);
  } finally {
    await ground.stop();
    await before.close();
    await postgres.stop();
  }
});
