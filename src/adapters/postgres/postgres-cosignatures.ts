import type { Cosignature, Cosignatures, WantedCosignatures } from '../../ports/cosignatures.js';
import type { ConnectionPool } from './connection-pool.js';

const ADD = `
  INSERT INTO views.record_cosignatures (origin, size, witness, tenant, note, line, at) VALUES ($1, $2, $3, $4, $5, $6, $7)
  ON CONFLICT (origin, size, witness) DO UPDATE SET line = excluded.line, at = excluded.at`;
const LINES = 'SELECT line FROM views.record_cosignatures WHERE origin = $1 AND size = $2 ORDER BY witness';
const LAST_NOTE = `
  SELECT last.note || (
    SELECT string_agg(c.line, '' ORDER BY c.witness) FROM views.record_cosignatures c WHERE c.origin = $1 AND c.size = last.size
  ) FROM (SELECT note, size FROM views.record_cosignatures WHERE origin = $1 ORDER BY size DESC LIMIT 1) last`;
const LAST_SIZE = 'SELECT max(size) FROM views.record_cosignatures WHERE origin = $1 AND witness = $2';
// The census is cosigned with the first note that has its entry.
const DUE = `
  SELECT t.tenant FROM views.record_trees t
  LEFT JOIN LATERAL (
    SELECT c.size, c.at FROM views.record_cosignatures c WHERE c.origin = $2 || t.tenant AND c.witness = $1
    ORDER BY c.size DESC LIMIT 1
  ) last ON true
  WHERE last.size IS NULL OR (t.size > last.size AND (last.at < $3 OR EXISTS (
    SELECT FROM views.record_censuses k JOIN views.record_entries e ON e.tenant = k.tenant AND e.event = k.event
    WHERE k.tenant = t.tenant AND e.index >= last.size
  )))
  ORDER BY last.at NULLS FIRST, t.tenant LIMIT $4`;

/** Beside the notes, in the database of the read models. */
export class PostgresCosignatures implements Cosignatures {
  constructor(
    private readonly pool: ConnectionPool,
    /** A pool of its own for questions of users. */
    private readonly readPool = pool,
  ) {}

  async add({ origin, size, witness, tenant, note, line, at }: Cosignature): Promise<void> {
    await this.query(ADD, [origin, size, witness, tenant, note, line, at]);
  }

  async lines(origin: string, size: number): Promise<readonly string[]> {
    return (await this.query<[string]>(LINES, [origin, size], this.readPool)).map(([line]) => line);
  }

  async lastNote(origin: string): Promise<string | undefined> {
    return (await this.query<[string]>(LAST_NOTE, [origin], this.readPool))[0]?.[0];
  }

  async lastSize(origin: string, witness: string): Promise<number | undefined> {
    const [row] = await this.query<[string | null]>(LAST_SIZE, [origin, witness]);
    return row?.[0] == null ? undefined : Number(row[0]);
  }

  async due({ witness, originPrefix, cosignedBefore, tenantsMax }: WantedCosignatures): Promise<readonly string[]> {
    const rows = await this.query<[string]>(DUE, [witness, originPrefix, cosignedBefore, tenantsMax]);
    return rows.map(([tenant]) => tenant);
  }

  private query<Row extends unknown[]>(text: string, values: unknown[], pool = this.pool): Promise<Row[]> {
    return pool.query<Row>({ text, values, rowMode: 'array' });
  }
}
