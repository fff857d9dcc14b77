import type pg from 'pg';
import { limits } from '../../limits.js';
import { ConnectionPool } from './connection-pool.js';

const CLAIM = 'INSERT INTO views.log_identity (identity) VALUES ($1) ON CONFLICT DO NOTHING';
const STANDING = 'SELECT identity FROM views.log_identity';

/** From which log everything in this database is built. The first that asks decides it, for ever. */
export async function logOfViews(connection: pg.ClientConfig, identity: string): Promise<string> {
  const pool = new ConnectionPool(connection, 1, limits.runtimeAnswerMs);
  try {
    await pool.query({ text: CLAIM, values: [identity], rowMode: 'array' });
    const [[standing] = [identity]] = await pool.query<[string]>({ text: STANDING, rowMode: 'array' });
    return standing;
  } finally {
    await pool.close();
  }
}
