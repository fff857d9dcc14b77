import type pg from 'pg';

/**
 * What the log relies on, whatever the server, the URL or the user's role prefer: an acknowledged commit is flushed,
 * a batch sees what was committed before it got the head row (with one snapshot for the whole transaction it would be
 * refused for as long as others append), and times are told in UTC. Set in the session itself, because options of a
 * start-up packet can be overridden or dropped on their way.
 */
export async function settleSession(client: pg.ClientBase): Promise<void> {
  await client.query(`
    SET synchronous_commit TO on;
    SET default_transaction_isolation TO 'read committed';
    SET TimeZone TO 'UTC';
    SET DateStyle TO ISO`);
}
