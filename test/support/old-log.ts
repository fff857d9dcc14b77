import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import type pg from 'pg';
import { migrate } from '../../src/adapters/postgres/migrate.js';
import { readMigrations } from '../../src/adapters/postgres/migration-files.js';
import type { NewEvent } from '../../src/events/envelope.js';
import { textBytes } from '../../src/ports/log-rules.js';
import { withClient } from './postgres-cluster.js';
import { withTemporaryDirectory } from './temporary-directory.js';

const SQL_DIRECTORY = join(import.meta.dirname, '..', '..', 'src', 'adapters', 'postgres', 'migrations');

/** The last version of the schema before the log got its second shape. */
const LAST_OF_THE_FIRST_SHAPE = 10;

/** An empty database as release 0.1 leaves it. */
export async function createOldDatabase<Connection extends pg.ClientConfig>(
  postgres: Connection,
  database: string,
): Promise<Connection & { readonly database: string }> {
  await withClient(postgres, (client) => client.query(`CREATE DATABASE ${database} TEMPLATE template0`));
  const connection = { ...postgres, database };
  await withTemporaryDirectory(async (sqlDirectory) => {
    for (const { name, version } of await readMigrations(SQL_DIRECTORY)) {
      if (version <= LAST_OF_THE_FIRST_SHAPE) await copyFile(join(SQL_DIRECTORY, name), join(sqlDirectory, name));
    }
    await migrate(connection, { sqlDirectory });
  });
  return connection;
}

export interface OldAppend {
  readonly stream: string;
  /** -1: the stream does not exist. */
  readonly expected: number;
  readonly events: readonly NewEvent[];
}

/** Calls the function of that time as its programs did. Answers with the position of the last event. */
export async function appendToOldLog(client: pg.ClientBase, appends: readonly OldAppend[]): Promise<number> {
  const events = appends.flatMap((append) => append.events);
  const { rows } = await client.query(
    `SELECT verdict, position::int FROM log.append(
       true, $1::text[], $2::integer[], $3::integer[], $4::text[], $5::integer[],
       $6::uuid[], $7::text[], $8::integer[], $9::text[], $10::timestamptz[], $11::json[], $12::json[], $13::integer[])`,
    [
      appends.map(({ stream }) => stream),
      appends.map(({ expected }) => expected),
      appends.map((append) => append.events.length),
      appends.flatMap((append) => append.events.map(() => append.stream)),
      appends.flatMap((append) => append.events.map((_, nth) => append.expected + 1 + nth)),
      events.map(({ id }) => id),
      events.map(({ type }) => type),
      events.map(({ schema }) => schema),
      events.map(({ tenant }) => tenant),
      events.map(({ at }) => at),
      events.map(({ data }) => data),
      events.map(({ meta }) => meta),
      events.map(textBytes),
    ],
  );
  if (rows[0]?.verdict !== 'all') throw new Error(`the old log answered ${JSON.stringify(rows)}`);
  return rows[0].position + events.length;
}
