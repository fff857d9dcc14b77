import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Append } from '../../src/adapters/event-log/queue-room.js';
import { PostgresBatchWriter } from '../../src/adapters/postgres/batch-writer.js';
import { DedicatedConnection } from '../../src/adapters/postgres/dedicated-connection.js';
import { OwnCommits } from '../../src/adapters/postgres/recent-events.js';
import { deltasOf, newDelta, newStream } from '../support/new-events.js';
import { startTestPostgres, type TestPostgres, withClient } from '../support/postgres-cluster.js';

const NEIGHBOURS = 100;

describe('one batch of appends to PostgreSQL', () => {
  let postgres: TestPostgres;
  let connection: DedicatedConnection;
  beforeAll(async () => {
    postgres = await startTestPostgres();
    connection = new DedicatedConnection(postgres.connection, 30_000);
  });
  afterAll(async () => {
    await connection.close();
    await postgres.stop();
  });

  it('with one key for two conversations and 100 other appends commits 101 of them in one transaction', async () => {
    const writer = new PostgresBatchWriter(connection, new OwnCommits(() => {}), { make: () => {} });
    const command = randomUUID();
    const keyed = (): Append => {
      const stream = newStream('conversation');
      return { stream, expected: 'none', events: deltasOf(command, 1), bytes: 0, command };
    };
    const neighbours = Array.from(
      { length: NEIGHBOURS },
      (): Append => ({ stream: newStream('conversation'), expected: 'none', events: [newDelta()], bytes: 0 }),
    );
    const half = NEIGHBOURS / 2;
    const [one, other] = [keyed(), keyed()];
    const outcomes = await writer.write([...neighbours.slice(0, half), one, other, ...neighbours.slice(half)]);

    expect(outcomes.filter(({ outcome }) => outcome === 'appended')).toHaveLength(NEIGHBOURS + 1);
    expect(outcomes[half]).toMatchObject({ outcome: 'appended', revision: 0 });
    expect(outcomes[half + 1]).toEqual({ outcome: 'command-known', stream: one.stream, revision: 0 });
    const stored = await withClient(postgres.connection, async (client) => {
      const events = await client.query('SELECT stream, xmin::text AS transaction FROM log.events');
      const commands = await client.query('SELECT command, stream, xmin::text AS transaction FROM log.command_ids');
      return { events: events.rows, commands: commands.rows };
    });
    expect(stored.events.map(({ stream }) => stream).sort()).toEqual(
      [...neighbours, one].map(({ stream }) => stream).sort(),
    );
    // A transaction flushes once, at its commit.
    const transactions = new Set([...stored.events, ...stored.commands].map(({ transaction }) => transaction));
    expect(transactions.size).toBe(1);
    expect(stored.commands).toMatchObject([{ command, stream: one.stream }]);
  });
});
