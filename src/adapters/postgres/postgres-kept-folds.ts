import type { KeptFold, KeptFoldStore } from '../../ports/kept-folds.js';
import type { ConnectionPool } from './connection-pool.js';

const FIND = 'SELECT revision, event, bytes FROM runtime.kept_folds WHERE stream = $1 AND version = $2';

// A cache needs no flush. Only this transaction does without.
const WITHOUT_FLUSH = 'SET LOCAL synchronous_commit TO off';

const KEEP = `
  INSERT INTO runtime.kept_folds AS standing (stream, version, revision, event, bytes) VALUES ($1, $2, $3, $4, $5)
  ON CONFLICT (stream) DO UPDATE
    SET version = excluded.version, revision = excluded.revision, event = excluded.event, bytes = excluded.bytes
    WHERE standing.version <> excluded.version OR standing.revision < excluded.revision`;

const FORGET = 'DELETE FROM runtime.kept_folds WHERE stream = $1';

export class PostgresKeptFolds implements KeptFoldStore {
  /** Commands wait for a read, and for no write. */
  constructor(
    private readonly readPool: ConnectionPool,
    private readonly writePool: ConnectionPool,
  ) {}

  async find(stream: string, version: number): Promise<KeptFold | undefined> {
    const values = [stream, version];
    const [row] = await this.readPool.query<[number, string, Buffer]>({ text: FIND, values, rowMode: 'array' });
    return row && { stream, version, revision: row[0], event: row[1], bytes: row[2] };
  }

  async keep({ stream, version, revision, event, bytes }: KeptFold): Promise<void> {
    await this.writePool.inTransaction(async (query) => {
      await query(WITHOUT_FLUSH);
      await query(KEEP, [stream, version, revision, event, bytes]);
    });
  }

  async forget(stream: string): Promise<void> {
    await this.writePool.query({ text: FORGET, values: [stream], rowMode: 'array' });
  }
}
