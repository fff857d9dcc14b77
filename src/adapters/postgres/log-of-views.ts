import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import type { Position } from '../../events/envelope.js';
import { limits } from '../../limits.js';
import { ConnectionPool, type Query } from './connection-pool.js';

/** Processes that start at once settle one after the other what the database is built from. */
const ALONE = "SELECT pg_try_advisory_xact_lock(hashtextextended('verbatim.log-of-views', 0))";

const RECORDED = 'SELECT identity, coalesce(incarnation, identity) FROM views.log_identity';
const CLAIM = 'INSERT INTO views.log_identity (identity, incarnation) VALUES ($1, $2)';
const RECORD = 'UPDATE views.log_identity SET incarnation = $1';

const POSITIONS = `
  SELECT position FROM runtime.checkpoints WHERE position <> ''
  UNION SELECT position FROM views.builds WHERE position <> '' AND state <> 'retired'`;

const TENANTS = 'SELECT DISTINCT tenant FROM runtime.api_keys';

// A later epoch, so that a reader that still runs cannot put its old position back.
const FORGET_CHECKPOINTS = "UPDATE runtime.checkpoints SET position = '', epoch = epoch + 1";
const FORGET_RELAYED = `${FORGET_CHECKPOINTS} WHERE name LIKE 'relay %'`;
const FORGET_WORK = 'DELETE FROM runtime.generations';
const FORGET_KEYS = 'DELETE FROM runtime.api_keys';
// Their lanes find their next step refused, and the start that follows makes new builds.
const RETIRE_BUILDS = "UPDATE views.builds SET state = 'retired' WHERE state <> 'retired'";

export interface BuiltFrom {
  readonly identity: string;
  readonly incarnation: string;
}

/** What the database remembers of the log that it was built from. */
export class LogOfViews {
  private constructor(private readonly query: Query) {}

  /** What `work` changes is changed whole or not at all. */
  static async alone<T>(connection: pg.ClientConfig, work: (views: LogOfViews) => Promise<T>): Promise<T> {
    const pool = new ConnectionPool(connection, 1, limits.viewAnswerMs);
    try {
      return await pool.inTransaction(async (query) => {
        // Tried again and again: the server ends a statement that waits, and the start of each process may take long.
        while (!(await query(ALONE))[0]?.[0]) await sleep(limits.startTurnLookMs);
        return work(new LogOfViews(query));
      });
    } finally {
      await pool.close();
    }
  }

  /** Nothing while the database is empty. */
  async builtFrom(): Promise<BuiltFrom | undefined> {
    const [row] = await this.query(RECORDED);
    return row && { identity: row[0], incarnation: row[1] };
  }

  /** From now on the database belongs to this log, for ever. */
  async claim({ identity, incarnation }: BuiltFrom): Promise<void> {
    await this.query(CLAIM, [identity, incarnation]);
  }

  /** Every place in the log that a reader has reached and goes on from. */
  async positions(): Promise<readonly Position[]> {
    return (await this.query(POSITIONS)).map(([position]) => position);
  }

  async goOnWith(incarnation: string): Promise<void> {
    await this.query(RECORD, [incarnation]);
    await this.query(FORGET_RELAYED);
  }

  /** Forgets everything that was built from the log, but for what makes an idempotency key good for one request. */
  async forgetAll(): Promise<{ readonly tenants: readonly string[] }> {
    const tenants = (await this.query(TENANTS)).map(([tenant]) => tenant);
    for (const statement of [RETIRE_BUILDS, FORGET_CHECKPOINTS, FORGET_WORK, FORGET_KEYS]) await this.query(statement);
    return { tenants };
  }
}
