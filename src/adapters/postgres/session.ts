import type pg from 'pg';
import { limits } from '../../limits.js';

/**
 * What the log relies on, whatever the server, the URL or the user's role prefer: an acknowledged commit is flushed,
 * a batch sees what was committed before it got the head row (with one snapshot for the whole transaction it would be
 * refused for as long as others append), and times are told in UTC.
 *
 * The server also ends what its client no longer waits for: otherwise each query that is given up and tried again would
 * leave one more backend behind, and a lock that is held for a minute would use up all connections. Its limits are shorter
 * than the client's, so that a query has ended when its client hears that it failed.
 *
 * Set in the session itself, because options of a start-up packet can be overridden or dropped on their way, and poolers
 * refuse those that they do not know.
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

/** Of the time after which the client gives a query up. */
const STATEMENT_SHARE = 0.9;
const LOCK_SHARE = 0.8;

/** A server on Windows cannot watch a connection while it runs a statement, and refuses the setting. */
export const NOTICE_LOST_CLIENTS = `
    DO $$ BEGIN
      SET client_connection_check_interval TO ${limits.lostClientLookMs};
    EXCEPTION WHEN invalid_parameter_value THEN NULL;
    END $$`;
