import pg from 'pg';
import { limits } from '../../limits.js';
import { settleSession } from './session.js';

/**
 * Ends all leases of a database that no other process can have opened: their holders are gone, so there is no need to wait
 * until they expire.
 */
export async function freeLeases(config: pg.ClientConfig): Promise<void> {
  const client = new pg.Client(config);
  // If the connection ends between two statements, the next one fails. Without a listener the error would end the process.
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
