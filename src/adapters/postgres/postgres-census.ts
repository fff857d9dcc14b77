import { TILE_WIDTH } from '../../formats/record-1/tiles.js';
import type { CensusState, CensusStore, CensusTree, CountedPart, StoredCensusChain } from '../../ports/census.js';
import { bigintArray, bytesArray, integerArray, textArray } from './binary-arrays.js';
import type { ConnectionPool } from './connection-pool.js';

const STATE = `
  SELECT counted, size, count, root, event, since FROM views.record_censuses WHERE tenant = $1`;
const DUE = `
  SELECT t.tenant FROM views.record_trees t LEFT JOIN views.record_censuses c ON c.tenant = t.tenant
  WHERE c.tenant IS NULL OR (c.counted > 0 AND c.event IS NULL) OR (c.since < $1 AND t.size > c.counted + 1)
  ORDER BY t.tenant LIMIT $2`;
const BEGIN = `
  INSERT INTO views.record_censuses (tenant, counted, since) VALUES ($1, 0, $2) ON CONFLICT (tenant) DO NOTHING`;

/** Moves the count. The chains are written only if it has moved. */
const COUNT = `
  WITH moved AS (
    INSERT INTO views.record_censuses AS c (tenant, counted, since)
    SELECT $1, $3::bigint, $4::timestamptz
    WHERE $2::bigint = 0 OR EXISTS (SELECT FROM views.record_censuses WHERE tenant = $1)
    ON CONFLICT (tenant) DO UPDATE
      SET counted = excluded.counted, size = NULL, count = NULL, root = NULL, event = NULL WHERE c.counted = $2
    RETURNING true AS moved
  ), chains AS (
    INSERT INTO views.record_census_chains (tenant, name, key, owner, n, head, min_at, max_at)
    SELECT $1, new.* FROM unnest($5::text[], $6::bytea[], $7::text[], $8::bigint[], $9::bytea[], $10::text[], $11::text[]) new
    WHERE EXISTS (SELECT FROM moved)
    ON CONFLICT (tenant, name) DO UPDATE
      SET key = excluded.key, owner = excluded.owner, n = excluded.n, head = excluded.head, min_at = excluded.min_at,
        max_at = excluded.max_at
  )
  SELECT moved FROM moved`;

const BUILT = `
  UPDATE views.record_censuses SET size = $2, count = $3, root = $4 WHERE tenant = $1 AND counted = $2 RETURNING true`;
const FORGET_TILES = 'DELETE FROM views.record_census_tiles WHERE tenant = $1';
const FORGET_PLACES = 'DELETE FROM views.record_census_places WHERE tenant = $1';
const ADD_TILES = `
  INSERT INTO views.record_census_tiles (tenant, level, index, hash)
  SELECT $1, new.* FROM unnest($2::integer[], $3::bigint[], $4::bytea[]) new`;
const ADD_PLACES = `
  INSERT INTO views.record_census_places (tenant, index, key) SELECT $1, new.* FROM unnest($2::bigint[], $3::bytea[]) new`;
const TAKEN = 'UPDATE views.record_censuses SET event = $3, since = $4 WHERE tenant = $1 AND size = $2';

const CHAIN = `
  SELECT name, owner, n, head, min_at, max_at, key FROM views.record_census_chains`;
const CHAIN_OF = `${CHAIN} WHERE tenant = $1 AND name = $2`;
// LATERAL with LIMIT makes PostgreSQL look up each name in the index. With a join it may read the whole table, because it
// plans by the old statistics of a table that grows.
const CHAINS = `
  SELECT found.* FROM unnest($2::text[]) wanted (name)
  CROSS JOIN LATERAL (${CHAIN} c WHERE c.tenant = $1 AND c.name = wanted.name LIMIT 1) found`;
const CHAINS_AFTER = `${CHAIN} WHERE tenant = $1 AND key > $2 ORDER BY key LIMIT $3`;
const CHAINS_FROM = `
  ${CHAIN} WHERE tenant = $1 AND key >= (SELECT key FROM views.record_census_places WHERE tenant = $1 AND index = $2)
  ORDER BY key OFFSET $3 LIMIT $4`;
const PLACE = `
  SELECT p.index, (
    SELECT count(*) FROM views.record_census_chains c WHERE c.tenant = $1 AND c.key >= p.key AND c.key < $2
  ) FROM views.record_census_places p WHERE p.tenant = $1 AND p.key <= $2 ORDER BY p.key DESC LIMIT 1`;
const TILE = `
  SELECT hash FROM views.record_census_tiles
  WHERE tenant = $1 AND level = $2 AND index >= $3 AND index < $3 + $4 ORDER BY index`;

type StateRow = [string, string | null, string | null, Buffer | null, string | null, Date];
type ChainRow = [string, string | null, string, Buffer, string, string, Buffer];

/** The census beside the record, in the database of the read models. */
export class PostgresCensus implements CensusStore {
  constructor(
    private readonly pool: ConnectionPool,
    /** A pool of its own for questions of users. */
    private readonly readPool = pool,
  ) {}

  async state(tenant: string): Promise<CensusState | undefined> {
    const [row] = await this.query<StateRow>(STATE, [tenant], this.readPool);
    if (!row) return undefined;
    const [counted, size, count, root, event, since] = row;
    return {
      counted: Number(counted),
      since: since.toISOString(),
      ...(root && { built: { size: Number(size), count: Number(count), root } }),
      ...(event !== null && { event }),
    };
  }

  async due(takenBefore: string, tenantsMax: number): Promise<readonly string[]> {
    return (await this.query<[string]>(DUE, [takenBefore, tenantsMax])).map(([tenant]) => tenant);
  }

  async begin(tenant: string, since: string): Promise<void> {
    await this.query(BEGIN, [tenant, since]);
  }

  async count(tenant: string, { from, to, chains, since }: CountedPart): Promise<boolean> {
    const values = [
      textArray(chains.map(({ chain }) => chain)),
      bytesArray(chains.map(({ key }) => key)),
      textArray(chains.map(({ owner }) => owner)),
      bigintArray(chains.map(({ n }) => n)),
      bytesArray(chains.map(({ head }) => head)),
      textArray(chains.map(({ minAt }) => minAt)),
      textArray(chains.map(({ maxAt }) => maxAt)),
    ];
    return (await this.query(COUNT, [tenant, from, to, since, ...values])).length > 0;
  }

  build(tenant: string, { size, count, root, tileHashes, firstKeys }: CensusTree): Promise<boolean> {
    return this.pool.inTransaction(async (query) => {
      if ((await query(BUILT, [tenant, size, count, root])).length === 0) return false;
      await query(FORGET_TILES, [tenant]);
      await query(FORGET_PLACES, [tenant]);
      const tiles = [
        integerArray(tileHashes.map(({ level }) => level)),
        bigintArray(tileHashes.map(({ index }) => index)),
        bytesArray(tileHashes.map(({ hash }) => hash)),
      ];
      await query(ADD_TILES, [tenant, ...tiles]);
      await query(ADD_PLACES, [tenant, bigintArray(firstKeys.map((_, index) => index)), bytesArray(firstKeys)]);
      return true;
    });
  }

  async taken(tenant: string, size: number, event: string, at: string): Promise<void> {
    await this.query(TAKEN, [tenant, size, event, at]);
  }

  async chain(tenant: string, name: string): Promise<StoredCensusChain | undefined> {
    return (await this.query<ChainRow>(CHAIN_OF, [tenant, name], this.readPool)).map(chainOf)[0];
  }

  async chains(tenant: string, names: readonly string[]): Promise<readonly StoredCensusChain[]> {
    return (await this.query<ChainRow>(CHAINS, [tenant, textArray(names)])).map(chainOf);
  }

  async chainsAfter(tenant: string, key: Buffer, count: number): Promise<readonly StoredCensusChain[]> {
    return (await this.query<ChainRow>(CHAINS_AFTER, [tenant, key, count])).map(chainOf);
  }

  async placeOf(tenant: string, key: Buffer): Promise<number> {
    const [row] = await this.query<[string, string]>(PLACE, [tenant, key], this.readPool);
    return row ? Number(row[0]) * TILE_WIDTH + Number(row[1]) : 0;
  }

  async chainsAt(tenant: string, place: number, count: number): Promise<readonly StoredCensusChain[]> {
    const values = [tenant, Math.floor(place / TILE_WIDTH), place % TILE_WIDTH, count];
    return (await this.query<ChainRow>(CHAINS_FROM, values, this.readPool)).map(chainOf);
  }

  async tile(tenant: string, { level, index }: { level: number; index: number }, width: number): Promise<Buffer[]> {
    const rows = await this.query<[Buffer]>(TILE, [tenant, level, index * TILE_WIDTH, width], this.readPool);
    return rows.map(([hash]) => hash);
  }

  private query<Row extends unknown[]>(text: string, values: unknown[], pool = this.pool): Promise<Row[]> {
    return pool.query<Row>({ text, values, rowMode: 'array' });
  }
}

const chainOf = ([chain, owner, n, head, minAt, maxAt, key]: ChainRow): StoredCensusChain => {
  return { chain, owner, n: Number(n), head, minAt, maxAt, key };
};
