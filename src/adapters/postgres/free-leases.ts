import pg from 'pg';
import { limits } from '../../limits.js';
import { settleSession } from './session.js';

/**
 * For a database that nobody else can have opened: whoever held something in it is gone, and its time need not be waited
 * for.
 */
export async function freeLeases(config: pg.ClientConfig): Promise<void> {
  const client = new pg.Client(config);
  // A connection that ends between two statements fails the next one; without a listener it would end the process.
  client.on('error', () => {});
  await client.connect();
  try {
    await settleSession(client, limits.runtimeAnswerMs);
    await client.query(`
      UPDATE runtime.leases SET expires_at = '-infinity';
      UPDATE runtime.workers SET lives_until = '-infinity'`);
  } finally {
    await client.end();
  }
}
