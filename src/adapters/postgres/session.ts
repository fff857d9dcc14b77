import type pg from 'pg';

/**
 * What the log relies on, whatever the server, the URL or the user's role prefer: an acknowledged commit is flushed,
 * and times are told in UTC. Set in the session itself, because options of a start-up packet can be overridden or
 * dropped on their way.
 */
export async function settleSession(client: pg.ClientBase): Promise<void> {
  await client.query("SET synchronous_commit TO on; SET TimeZone TO 'UTC'; SET DateStyle TO ISO");
}
