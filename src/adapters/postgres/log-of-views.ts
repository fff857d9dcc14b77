import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import type { Position } from '../../events/envelope.js';
import { limits } from '../../limits.js';
import { ConnectionPool, type Query } from './connection-pool.js';

/** A lock: processes that start at once check one after the other which log the database was built from. */
const ALONE = "SELECT pg_try_advisory_xact_lock(hashtextextended('verbatim.log-of-views', 0))";

const RECORDED = 'SELECT identity, coalesce(incarnation, identity) FROM views.log_identity';
const CLAIM = 'INSERT INTO views.log_identity (identity, incarnation) VALUES ($1, $2)';
const RECORD = 'UPDATE views.log_identity SET incarnation = $1';

const POSITIONS = `
  SELECT position FROM runtime.checkpoints WHERE position <> ''
  UNION SELECT position FROM views.builds WHERE position <> '' AND state <> 'retired'`;

const TENANTS = 'SELECT DISTINCT tenant FROM runtime.api_keys';

// A later epoch, so that a running reader cannot restore its old position.
const FORGET_CHECKPOINTS = "UPDATE runtime.checkpoints SET position = '', epoch = epoch + 1";
const FORGET_RELAYED = `${FORGET_CHECKPOINTS} WHERE name LIKE 'relay %'`;
const FORGET_WORK = 'DELETE FROM runtime.generations';
const FORGET_FOLDS = 'DELETE FROM runtime.kept_folds';
const FORGET_KEYS = 'DELETE FROM runtime.api_keys';
// A new incarnation has another origin. Its tree has the entries of all events again, which are the same unless events were lost.
const FORGET_NOTES = 'DELETE FROM views.record_notes';
const FORGET_KEY_ENDS = 'DELETE FROM views.record_key_ends';
const FORGET_RECORD = `
  TRUNCATE views.record_trees, views.record_entries, views.record_tiles, views.record_chains, views.record_owners,
    views.record_censuses, views.record_census_chains, views.record_census_tiles, views.record_census_places`;
// The next step of their lanes is refused, and the next start makes new builds.
const RETIRE_BUILDS = "UPDATE views.builds SET state = 'retired' WHERE state <> 'retired'";

export interface BuiltFrom {
  readonly identity: string;
  readonly incarnation: string;
}

/** The log and the incarnation that the database was built from. */
export class LogOfViews {
  private constructor(private readonly query: Query) {}

  /** Runs `work` in one transaction. */
  static async alone<T>(connection: pg.ClientConfig, work: (views: LogOfViews) => Promise<T>): Promise<T> {
    const pool = new ConnectionPool(connection, 1, limits.viewAnswerMs);
    try {
      return await pool.inTransaction(async (query) => {
        // Retried, because the server ends waiting statements, and the start of another process may take long.
        while (!(await query(ALONE))[0]?.[0]) await sleep(limits.startTurnLookMs);
        return work(new LogOfViews(query));
      });
    } finally {
      await pool.close();
    }
  }

  /** Undefined if the database is empty. */
  async builtFrom(): Promise<BuiltFrom | undefined> {
    const [row] = await this.query(RECORDED);
    return row && { identity: row[0], incarnation: row[1] };
  }

  /** Binds the database to this log permanently. */
  async claim({ identity, incarnation }: BuiltFrom): Promise<void> {
    await this.query(CLAIM, [identity, incarnation]);
  }

  /** The checkpoints of all readers. */
  async positions(): Promise<readonly Position[]> {
    return (await this.query(POSITIONS)).map(([position]) => position);
  }

  async goOnWith(incarnation: string): Promise<void> {
    await this.query(RECORD, [incarnation]);
    await this.query(FORGET_RELAYED);
    await this.query(FORGET_NOTES);
    await this.query(FORGET_KEY_ENDS);
  }

  /** Deletes all data that was built from the log, except the places of commands with an idempotency key. */
  async forgetAll(): Promise<{ readonly tenants: readonly string[] }> {
    const tenants = (await this.query(TENANTS)).map(([tenant]) => tenant);
    for (const statement of [RETIRE_BUILDS, FORGET_CHECKPOINTS, FORGET_RECORD, FORGET_WORK, FORGET_FOLDS, FORGET_KEYS])
      await this.query(statement);
    return { tenants };
  }
}
