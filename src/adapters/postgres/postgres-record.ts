import { HASH_BYTES } from '../../formats/record-1/hashes.js';
import { TILE_WIDTH } from '../../formats/record-1/tiles.js';
import type {
  ChainPlace,
  HeadKind,
  HeadName,
  LoadedHead,
  RecordStep,
  RecordStore,
  SigningResult,
  StoredEntry,
  StoredHead,
  StoredHeads,
  StoredKeyEnd,
  StoredNote,
  WantedHeads,
  Writer,
  WrittenStep,
} from '../../ports/record.js';
import { bigintArray, textArray, timestampArray } from './binary-arrays.js';
import type { ConnectionPool } from './connection-pool.js';
import { writeStep } from './record-writing.js';

// LATERAL with LIMIT makes PostgreSQL look up each name in the index. With a join it may read the whole table, because it
// plans by the old statistics of a table that grows.
const TREES = `
  SELECT wanted.tenant, coalesce(tree.size, 0), coalesce(tree.edge, ''), tree.stopped, coalesce(last.index + 1, 0)
  FROM unnest($1::text[]) wanted (tenant)
  LEFT JOIN LATERAL (
    SELECT t.tenant, t.size, t.edge, t.stopped FROM views.record_trees t WHERE t.tenant = wanted.tenant LIMIT 1
  ) tree ON true
  LEFT JOIN LATERAL (
    SELECT e.index FROM views.record_entries e WHERE e.tenant = wanted.tenant ORDER BY e.index DESC LIMIT 1
  ) last ON true
  WHERE tree.tenant IS NOT NULL OR last.index IS NOT NULL`;
/** A head and its entries come from one query, so that no step of another owner lies between them. */
const headsIn = (table: 'record_chains' | 'record_owners', newest: string) => `
  SELECT wanted.tenant, wanted.name, head.next, head.entry, head.hash, named.leaf, newest.index
  FROM unnest($1::text[], $2::text[]) wanted (tenant, name)
  LEFT JOIN LATERAL (
    SELECT h.next, h.entry, h.hash FROM views.${table} h WHERE h.tenant = wanted.tenant AND h.name = wanted.name LIMIT 1
  ) head ON true
  LEFT JOIN LATERAL (
    SELECT e.leaf FROM views.record_entries e WHERE e.tenant = wanted.tenant AND e.index = head.entry LIMIT 1
  ) named ON true
  LEFT JOIN LATERAL (
    SELECT e.index FROM views.record_entries e WHERE e.tenant = wanted.tenant AND ${newest} LIMIT 1
  ) newest ON true
  WHERE head.hash IS NOT NULL OR newest.index IS NOT NULL`;
const CHAINS = headsIn('record_chains', 'e.stream = wanted.name ORDER BY e.revision DESC');
const OWNERS = headsIn(
  'record_owners',
  `e.leaf LIKE '%,"oprev":%' AND substring(e.leaf FROM '"owner":"([^"]*)"') = wanted.name ORDER BY e.index DESC`,
);
const allHeadsIn = (table: 'record_chains' | 'record_owners') => `
  SELECT name, next, entry, hash FROM views.${table} WHERE tenant = $1 AND name > $2 ORDER BY name LIMIT $3`;
const HEADS: Record<HeadKind, string> = { chains: allHeadsIn('record_chains'), owners: allHeadsIn('record_owners') };
const STREAMS = `
  SELECT wanted.tenant, wanted.name, last.revision FROM unnest($1::text[], $2::text[]) wanted (tenant, name)
  CROSS JOIN LATERAL (
    SELECT e.revision FROM views.record_entries e WHERE e.tenant = wanted.tenant AND e.stream = wanted.name
    ORDER BY e.revision DESC LIMIT 1
  ) last`;

/** The row lock keeps a replaced writer out until the notes are written. */
const PUBLISH = `
  WITH writer AS (
    SELECT FROM runtime.checkpoints WHERE name = $1 AND epoch = $2 FOR SHARE
  ), published AS (
    INSERT INTO views.record_notes (tenant, size, note, verifier_key, at)
    SELECT new.* FROM unnest($3::text[], $4::bigint[], $5::text[], $6::text[], $7::timestamptz[]) new
    WHERE EXISTS (SELECT FROM writer)
    ON CONFLICT (tenant, size) DO UPDATE
      SET note = excluded.note, verifier_key = excluded.verifier_key, at = excluded.at
  ), expired AS (
    DELETE FROM views.record_notes WHERE tenant = ANY($3) AND at < $8 AND EXISTS (SELECT FROM writer)
  ), refused AS (
    INSERT INTO views.record_trees AS t (tenant, size, edge, refused)
    SELECT new.tenant, 0, '', new.reason FROM unnest($9::text[], $10::text[]) new (tenant, reason)
    WHERE EXISTS (SELECT FROM writer)
      AND (new.reason IS NOT NULL OR EXISTS (SELECT FROM views.record_trees o WHERE o.tenant = new.tenant))
    ON CONFLICT (tenant) DO UPDATE SET refused = excluded.refused WHERE t.refused IS DISTINCT FROM excluded.refused
  ), ended AS (
    INSERT INTO views.record_key_ends (tenant, verifier_key, size, note, at)
    SELECT new.* FROM unnest($11::text[], $12::text[], $13::bigint[], $14::text[], $15::timestamptz[]) new
    WHERE EXISTS (SELECT FROM writer)
    ON CONFLICT (tenant, verifier_key) DO NOTHING
  )
  SELECT true FROM writer`;

const LAST_NOTES = `
  SELECT last.* FROM unnest($1::text[]) wanted (tenant) CROSS JOIN LATERAL (
    SELECT n.tenant, n.size, n.note, n.verifier_key, n.at FROM views.record_notes n WHERE n.tenant = wanted.tenant
    ORDER BY n.size DESC LIMIT 1
  ) last`;
const NOTE_OF = 'SELECT tenant, size, note, verifier_key, at FROM views.record_notes WHERE tenant = $1 AND size = $2';
const KEY_ENDS = `
  SELECT tenant, size, note, verifier_key, at FROM views.record_key_ends WHERE tenant = $1 ORDER BY size, at`;
const UNSIGNED = `
  SELECT tenant FROM views.record_trees t
  WHERE size > coalesce((SELECT max(n.size) FROM views.record_notes n WHERE n.tenant = t.tenant), 0)`;
const TENANTS = 'SELECT tenant FROM views.record_trees UNION SELECT tenant FROM views.record_notes';
const TROUBLES = `
  SELECT tenant, coalesce(stopped, refused) FROM views.record_trees
  WHERE stopped IS NOT NULL OR refused IS NOT NULL ORDER BY tenant LIMIT $1`;

const LEAVES = `
  SELECT hash FROM views.record_entries WHERE tenant = $1 AND index >= $2 AND index < $2 + $3 ORDER BY index`;
const TILE = `
  SELECT hash FROM views.record_tiles WHERE tenant = $1 AND level = $4 AND index >= $2 AND index < $2 + $3 ORDER BY index`;
const ENTRY = 'SELECT tenant, index, stream, revision, event, leaf, hash FROM views.record_entries WHERE tenant = $1';
const ENTRIES = `${ENTRY} AND index >= $2 AND index < $2 + $3 ORDER BY index`;
/** As in the index on it. */
const CHAIN = `substring(leaf from '"chain":"([^"]*)"') COLLATE "C"`;
const CHAINED = `${ENTRY} AND (${CHAIN}, index) > ($2, $3) AND index < $4 ORDER BY ${CHAIN}, index LIMIT $5`;
const ENTRY_OF = `${ENTRY} AND stream = $2 AND revision >= $3 ORDER BY revision LIMIT 1`;
const ENTRY_OF_EVENT = `${ENTRY} AND event = $2 LIMIT 1`;

// A later epoch, so that the present owner writes nothing more and begins again at the start.
const FORGET = `
  TRUNCATE views.record_trees, views.record_entries, views.record_tiles, views.record_chains, views.record_owners,
    views.record_censuses, views.record_census_chains, views.record_census_tiles, views.record_census_places`;
// A running owner notices at its next renewal, and then begins at the start: an idle one would write nothing.
const END_LEASE = "UPDATE runtime.leases SET expires_at = '-infinity' WHERE name = $1";
const LATER_EPOCH = 'UPDATE runtime.checkpoints SET epoch = epoch + 1 WHERE name = $1';
const FORGET_CHECKPOINT = "UPDATE runtime.checkpoints SET position = '', epoch = epoch + 1 WHERE name = $1";

type NoteRow = [string, string, string, string, Date];
type StoredHeadRow = [string, string, string | null, Buffer];
type EntryRow = [string, string, string, number, string, string, Buffer];
type LoadedHeadRow = [string, string, string | null, string | null, Buffer | null, string | null, string | null];

/** The record in the database of the read models. */
export class PostgresRecord implements RecordStore {
  constructor(
    private readonly pool: ConnectionPool,
    /** A pool of its own for questions of users, so that a large step delays none of them. */
    private readonly readPool = pool,
  ) {}

  async load({ tenants, chains, owners, streams }: WantedHeads): Promise<StoredHeads> {
    const [trees, chainHeads, ownerHeads, lastOfStreams] = await Promise.all([
      this.query<[string, string, Buffer, string | null, string]>(TREES, [textArray(tenants)]),
      this.named<LoadedHeadRow>(CHAINS, chains),
      this.named<LoadedHeadRow>(OWNERS, owners),
      this.named<[string, string, number]>(STREAMS, streams),
    ]);
    return {
      trees: trees.map(([tenant, size, edge, stopped, entries]) => ({
        ...{ tenant, size: Number(size), edge: hashesIn(edge) },
        ...{ stopped, entries: Number(entries) },
      })),
      chains: chainHeads.map(headOf),
      owners: ownerHeads.map(headOf),
      streams: lastOfStreams.map(([tenant, name, revision]) => ({ tenant, name, revision })),
    };
  }

  write(writer: Writer, step: RecordStep): Promise<WrittenStep | undefined> {
    return writeStep(this.pool, writer, step);
  }

  async publish(
    { name, epoch }: Writer,
    { notes, refused, ended }: SigningResult,
    keptSince: string,
  ): Promise<boolean> {
    const values = [
      textArray(notes.map(({ tenant }) => tenant)),
      bigintArray(notes.map(({ size }) => size)),
      textArray(notes.map(({ note }) => note)),
      textArray(notes.map(({ verifierKey }) => verifierKey)),
      timestampArray(notes.map(({ at }) => at)),
      keptSince,
      textArray([...refused.keys()]),
      textArray([...refused.values()]),
      textArray(ended.map(({ tenant }) => tenant)),
      textArray(ended.map(({ verifierKey }) => verifierKey)),
      bigintArray(ended.map(({ size }) => size)),
      textArray(ended.map(({ note }) => note)),
      timestampArray(ended.map(({ at }) => at)),
    ];
    return (await this.query(PUBLISH, [name, epoch, ...values])).length > 0;
  }

  async tenants(): Promise<string[]> {
    return (await this.query<[string]>(TENANTS, [])).map(([tenant]) => tenant);
  }

  async unsigned(): Promise<string[]> {
    return (await this.query<[string]>(UNSIGNED, [])).map(([tenant]) => tenant);
  }

  async troubles(tenantsMax: number): Promise<ReadonlyMap<string, string>> {
    return new Map(await this.query<[string, string]>(TROUBLES, [tenantsMax], this.readPool));
  }

  async forget(name: string): Promise<void> {
    await this.pool.inTransaction(async (query) => {
      await query(FORGET_CHECKPOINT, [name]);
      await query(END_LEASE, [name]);
      await query(FORGET);
    });
  }

  async endOwner(name: string): Promise<void> {
    await this.pool.inTransaction(async (query) => {
      await query(LATER_EPOCH, [name]);
      await query(END_LEASE, [name]);
    });
  }

  async lastNote(tenant: string): Promise<StoredNote | undefined> {
    return (await this.lastNotes([tenant]))[0];
  }

  async heads(tenant: string, kind: HeadKind, after: string, count: number): Promise<StoredHead[]> {
    const rows = await this.query<StoredHeadRow>(HEADS[kind], [tenant, after, count], this.readPool);
    return rows.map(([name, next, entry, hash]) => {
      return { tenant, name, next: Number(next), entry: Number(entry ?? Number.NaN), hash };
    });
  }

  async lastNotes(tenants: readonly string[]): Promise<StoredNote[]> {
    return (await this.query<NoteRow>(LAST_NOTES, [textArray(tenants)], this.readPool)).map(noteIn);
  }

  async noteOf(tenant: string, size: number): Promise<StoredNote | undefined> {
    return (await this.query<NoteRow>(NOTE_OF, [tenant, size], this.readPool)).map(noteIn)[0];
  }

  async keyEnds(tenant: string): Promise<StoredKeyEnd[]> {
    return (await this.query<NoteRow>(KEY_ENDS, [tenant], this.readPool)).map(noteIn);
  }

  async tile(tenant: string, { level, index }: { level: number; index: number }, width: number): Promise<Buffer[]> {
    const values = [tenant, index * TILE_WIDTH, width];
    const [text, ofLevel] = level === 0 ? [LEAVES, values] : [TILE, [...values, level]];
    return (await this.query<[Buffer]>(text, ofLevel, this.readPool)).map(([hash]) => hash);
  }

  async entries(tenant: string, from: number, count: number): Promise<StoredEntry[]> {
    return (await this.query<EntryRow>(ENTRIES, [tenant, from, count], this.readPool)).map(entryOf);
  }

  async chained(tenant: string, { chain, index }: ChainPlace, size: number, count: number): Promise<StoredEntry[]> {
    return (await this.query<EntryRow>(CHAINED, [tenant, chain, index, size, count], this.readPool)).map(entryOf);
  }

  async entryOf(tenant: string, stream: string, revision: number): Promise<StoredEntry | undefined> {
    return (await this.query<EntryRow>(ENTRY_OF, [tenant, stream, revision], this.readPool)).map(entryOf)[0];
  }

  async entryOfEvent(tenant: string, event: string): Promise<StoredEntry | undefined> {
    return (await this.query<EntryRow>(ENTRY_OF_EVENT, [tenant, event], this.readPool)).map(entryOf)[0];
  }

  private named<Row extends unknown[]>(text: string, names: readonly HeadName[]): Promise<Row[]> {
    if (names.length === 0) return Promise.resolve([]);
    return this.query<Row>(text, [
      textArray(names.map(({ tenant }) => tenant)),
      textArray(names.map(({ name }) => name)),
    ]);
  }

  private query<Row extends unknown[]>(text: string, values: unknown[], pool = this.pool): Promise<Row[]> {
    return pool.query<Row>({ text, values, rowMode: 'array' });
  }
}

function headOf([tenant, name, next, entry, hash, leaf, newest]: LoadedHeadRow): LoadedHead {
  // A row from before the column `entry` that no entry belongs to names none.
  const head = hash && { tenant, name, next: Number(next), entry: Number(entry ?? Number.NaN), hash };
  return { tenant, name, head, leaf, newest: newest === null ? null : Number(newest) };
}

const entryOf = ([tenant, index, stream, revision, event, leaf, hash]: EntryRow): StoredEntry => {
  return { tenant, index: Number(index), stream, revision, event, leaf, hash };
};

const noteIn = ([tenant, size, note, verifierKey, at]: NoteRow): StoredNote => {
  return { tenant, size: Number(size), note, verifierKey, at: at.toISOString() };
};

const hashesIn = (edge: Buffer): Buffer[] =>
  Array.from({ length: edge.length / HASH_BYTES }, (_, nth) => edge.subarray(nth * HASH_BYTES, (nth + 1) * HASH_BYTES));
