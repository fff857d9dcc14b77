import { TerminalError } from '../../ports/errors.js';
import type {
  KeyScope,
  MasterGeneration,
  Stale,
  StoredKey,
  ValueKeyStore,
  WrappedKey,
} from '../../ports/value-keys.js';
import { bytesArray, textArray } from './binary-arrays.js';
import type { ConnectionPool, Query } from './connection-pool.js';

const GENERATIONS = `
  SELECT generation, master_check, is_current, began_at, destroyed_at FROM keys.generations ORDER BY generation`;

// One beginning at a time, also of the first generation, which has no row to lock.
const LOCK_GENERATIONS = 'LOCK TABLE keys.generations IN SHARE ROW EXCLUSIVE MODE';
const NEWEST = 'SELECT max(generation) FROM keys.generations';
const RETIRE = 'UPDATE keys.generations SET is_current = false WHERE is_current';
const BEGIN = 'INSERT INTO keys.generations (generation, master_check, is_current) VALUES ($1, $2, true)';

/** The lock makes the end of a generation wait until the keys of this statement are visible. */
const CURRENT = 'current AS (SELECT generation FROM keys.generations WHERE generation = $1 AND is_current FOR SHARE)';

const INSERT = `
  WITH ${CURRENT}, inserted AS (
    INSERT INTO keys.keys (id, tenant, generation, wrapped)
    SELECT new.id, new.tenant, generation, new.wrapped
    FROM current, unnest($2::text[], $3::text[], $4::bytea[]) new(id, tenant, wrapped)
  )
  SELECT FROM current`;

const FIND = 'SELECT id, tenant, generation, wrapped, destroyed_at FROM keys.keys WHERE id = ANY($1::text[])';
const OF_SCOPE = `
  SELECT k.id, k.tenant, k.generation, k.wrapped, k.destroyed_at
  FROM keys.scopes s JOIN keys.keys k ON k.id = s.key WHERE s.tenant = $1 AND s.scope = $2`;
const LOCK_CURRENT = `WITH ${CURRENT} SELECT FROM current`;
const INSERT_ONE = 'INSERT INTO keys.keys (id, tenant, generation, wrapped) VALUES ($1, $2, $3, $4)';
const BIND = 'INSERT INTO keys.scopes (tenant, scope, key) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING key';
const RELEASE = 'DELETE FROM keys.scopes WHERE key = $1';

const DESTROY = `
  INSERT INTO keys.keys AS k (id, tenant, destroyed_at) SELECT DISTINCT id, '', $2::timestamptz FROM unnest($1::text[]) id
  ON CONFLICT (id) DO UPDATE SET generation = NULL, wrapped = NULL, destroyed_at = excluded.destroyed_at
  WHERE k.destroyed_at IS NULL`;

const KEYS_UNDER = `
  SELECT id, tenant, generation, wrapped, destroyed_at FROM keys.keys
  WHERE generation = $1 AND id > $2 ORDER BY id LIMIT $3`;

const REWRAP = `
  WITH ${CURRENT}
  UPDATE keys.keys k SET generation = current.generation, wrapped = new.wrapped
  FROM current, unnest($3::text[], $4::bytea[]) new(id, wrapped)
  WHERE k.id = new.id AND k.generation = $2`;

const COUNT = `
  SELECT count(*) FILTER (WHERE generation = $1), count(*) FILTER (WHERE generation < $1)
  FROM keys.keys WHERE generation IS NOT NULL`;

const DESTROYED = `
  UPDATE keys.generations SET destroyed_at = coalesce(destroyed_at, $2)
  WHERE generation = $1 AND NOT is_current AND NOT EXISTS (SELECT FROM keys.keys WHERE generation = $1) RETURNING true`;

type GenerationRow = [number, Buffer, boolean, Date, Date | null];
type KeyRow = [string, string, number, Buffer, Date | null];

/** The bound scope was found, so the key that was inserted for it is rolled back. */
class ScopeTaken extends Error {}

/** The schema `keys`, in the database of the log or in one of its own. */
export class PostgresValueKeys implements ValueKeyStore {
  constructor(private readonly pool: ConnectionPool) {}

  async generations(): Promise<readonly MasterGeneration[]> {
    const rows = await this.query<GenerationRow>(GENERATIONS, []);
    return rows.map(([number, check, isCurrent, beganAt, destroyedAt]) => ({
      number,
      check,
      isCurrent,
      beganAt: beganAt.toISOString(),
      destroyedAt: destroyedAt?.toISOString() ?? null,
    }));
  }

  async begin(generation: number, check: Buffer): Promise<void> {
    await this.pool.inTransaction(async (query) => {
      await query(LOCK_GENERATIONS);
      const [[newest] = [null]] = await query(NEWEST);
      if (newest !== null && newest >= generation) return;
      await query(RETIRE);
      await query(BEGIN, [generation, check]);
    });
  }

  async insert(keys: readonly WrappedKey[]): Promise<'inserted' | Stale> {
    const [first] = keys;
    if (first === undefined) return 'inserted';
    const rows = await this.query(INSERT, [
      first.generation,
      textArray(keys.map(({ id }) => id)),
      textArray(keys.map(({ tenant }) => tenant)),
      bytesArray(keys.map(({ wrapped }) => wrapped)),
    ]);
    return rows.length > 0 ? 'inserted' : 'stale-generation';
  }

  async find(ids: readonly string[]): Promise<readonly StoredKey[]> {
    if (ids.length === 0) return [];
    return (await this.query<KeyRow>(FIND, [textArray(ids)])).map(keyOf);
  }

  async ofScope({ tenant, scope }: KeyScope): Promise<StoredKey | undefined> {
    return (await this.query<KeyRow>(OF_SCOPE, [tenant, scope])).map(keyOf)[0];
  }

  async insertForScope(scope: KeyScope, key: WrappedKey): Promise<StoredKey | Stale> {
    try {
      return await this.pool.inTransaction((query) => bound(query, scope, key));
    } catch (error) {
      if (!(error instanceof ScopeTaken)) throw error;
    }
    // Committed by now: the binding waited for the transaction that had the scope first. A release since then is a new try.
    return (await this.ofScope(scope)) ?? this.insertForScope(scope, key);
  }

  async release(id: string): Promise<void> {
    await this.query(RELEASE, [id]);
  }

  async destroy(ids: readonly string[], at: string): Promise<void> {
    await this.query(DESTROY, [textArray(ids), at]);
  }

  async keysUnder(generation: number, after: string, count: number): Promise<readonly WrappedKey[]> {
    return (await this.query<KeyRow>(KEYS_UNDER, [generation, after, count])).map(wrappedKeyOf);
  }

  async rewrap(from: number, keys: readonly WrappedKey[]): Promise<void> {
    const [first] = keys;
    if (first === undefined) return;
    await this.query(REWRAP, [
      first.generation,
      from,
      textArray(keys.map(({ id }) => id)),
      bytesArray(keys.map(({ wrapped }) => wrapped)),
    ]);
  }

  async count(generation: number): Promise<{ under: number; before: number }> {
    const [[under, before] = ['0', '0']] = await this.query<[string, string]>(COUNT, [generation]);
    return { under: Number(under), before: Number(before) };
  }

  async destroyed(generation: number, at: string): Promise<void> {
    const rows = await this.query(DESTROYED, [generation, at]);
    if (rows.length === 0) throw new TerminalError(`keys still need the master key of generation ${generation}`);
  }

  private query<Row extends unknown[]>(text: string, values: unknown[]): Promise<Row[]> {
    return this.pool.query<Row>({ text, values, rowMode: 'array' });
  }
}

async function bound(query: Query, { tenant, scope }: KeyScope, key: WrappedKey): Promise<WrappedKey | Stale> {
  if ((await query(LOCK_CURRENT, [key.generation])).length === 0) return 'stale-generation';
  await query(INSERT_ONE, [key.id, key.tenant, key.generation, key.wrapped]);
  if ((await query(BIND, [tenant, scope, key.id])).length === 0) throw new ScopeTaken();
  return key;
}

const keyOf = ([id, tenant, generation, wrapped, destroyedAt]: KeyRow): StoredKey =>
  destroyedAt === null ? { id, tenant, generation, wrapped } : { id, destroyedAt: destroyedAt.toISOString() };

const wrappedKeyOf = ([id, tenant, generation, wrapped]: KeyRow): WrappedKey => ({ id, tenant, generation, wrapped });
