import type pg from 'pg';
import { limits } from '../../limits.js';

/**
 * Settings on which the log relies, whatever the server, the URL or the role set: an acknowledged commit is flushed, a
 * batch sees all commits before it got the head row (with one snapshot for the transaction it would be refused while
 * others append), and times are in UTC.
 *
 * The server also ends statements for which no client waits: otherwise each query that times out and is retried would
 * leave a backend behind, and a lock that is held for a minute would use up all connections. The server's limits are
 * shorter than the client's, so that a query has ended when its client gets the error.
 *
 * Set in the session, because options of a start-up packet can be overridden or dropped, and poolers refuse unknown ones.
 */
export async function settleSession(client: pg.ClientBase, answerMs: number): Promise<void> {
  await client.query(`
    SET synchronous_commit TO on;
    SET default_transaction_isolation TO 'read committed';
    SET TimeZone TO 'UTC';
    SET DateStyle TO ISO;
    SET statement_timeout TO ${Math.ceil(answerMs * STATEMENT_SHARE)};
    SET lock_timeout TO ${Math.min(limits.lockWaitMs, Math.ceil(answerMs * LOCK_SHARE))};
    SET idle_in_transaction_session_timeout TO ${answerMs};
    ${NOTICE_LOST_CLIENTS}`);
}

/** A share of the client's timeout. */
const STATEMENT_SHARE = 0.9;
const LOCK_SHARE = 0.8;

/** A server on Windows cannot watch a connection while it runs a statement, and refuses the setting. */
export const NOTICE_LOST_CLIENTS = `
    DO $$ BEGIN
      SET client_connection_check_interval TO ${limits.lostClientLookMs};
    EXCEPTION WHEN invalid_parameter_value THEN NULL;
    END $$`;
