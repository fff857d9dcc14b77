import type pg from 'pg';
import { limits } from '../../limits.js';
import { ConnectionPool } from './connection-pool.js';

const CLAIM = 'INSERT INTO views.log_identity (identity) VALUES ($1) ON CONFLICT DO NOTHING';
const STANDING = 'SELECT identity FROM views.log_identity';

/** From which log everything in this database is built; nothing when it is empty. */
export function logOfViews(connection: pg.ClientConfig): Promise<string | undefined> {
  return asked(connection, standingIn);
}

/** The same, and this one when there is none. The first that asks decides it, for ever. */
export function claimViews(connection: pg.ClientConfig, identity: string): Promise<string> {
  return asked(connection, async (pool) => {
    await pool.query({ text: CLAIM, values: [identity], rowMode: 'array' });
    return (await standingIn(pool)) ?? identity;
  });
}

async function standingIn(pool: ConnectionPool): Promise<string | undefined> {
  const [row] = await pool.query<[string]>({ text: STANDING, rowMode: 'array' });
  return row?.[0];
}

async function asked<T>(connection: pg.ClientConfig, ask: (pool: ConnectionPool) => Promise<T>): Promise<T> {
  const pool = new ConnectionPool(connection, 1, limits.runtimeAnswerMs);
  try {
    return await ask(pool);
  } finally {
    await pool.close();
  }
}
