import type { Lease, Leases } from '../../ports/leases.js';
import type { ConnectionPool } from './connection-pool.js';

const ACQUIRE = `
  INSERT INTO runtime.leases AS held (name, holder, epoch, expires_at)
  VALUES ($1, $2, 1, clock_timestamp() + $3 * interval '1 millisecond')
  ON CONFLICT (name) DO UPDATE
    SET holder = excluded.holder, epoch = held.epoch + 1, expires_at = excluded.expires_at
    WHERE held.expires_at <= clock_timestamp()
  RETURNING epoch`;

const RENEW = `
  UPDATE runtime.leases SET expires_at = clock_timestamp() + $3 * interval '1 millisecond'
  WHERE name = $1 AND epoch = $2 AND expires_at > clock_timestamp()
  RETURNING epoch`;

const RELEASE = `UPDATE runtime.leases SET expires_at = '-infinity' WHERE name = $1 AND epoch = $2`;

const COUNT = 'SELECT count(*) FROM runtime.leases WHERE starts_with(name, $1) AND expires_at > clock_timestamp()';

export class PostgresLeases implements Leases {
  constructor(private readonly pool: ConnectionPool) {}

  async acquire(name: string, holder: string, durationMs: number): Promise<Lease | undefined> {
    const [row] = await this.query<[string]>(ACQUIRE, [name, holder, durationMs]);
    return row && { name, holder, epoch: Number(row[0]) };
  }

  async renew({ name, epoch }: Lease, durationMs: number): Promise<boolean> {
    return (await this.query(RENEW, [name, epoch, durationMs])).length > 0;
  }

  async release({ name, epoch }: Lease): Promise<void> {
    await this.query(RELEASE, [name, epoch]);
  }

  async count(namesBeginning: string): Promise<number> {
    const [row] = await this.query<[string]>(COUNT, [namesBeginning]);
    return Number(row?.[0]);
  }

  private query<Row extends unknown[]>(text: string, values: unknown[]): Promise<Row[]> {
    return this.pool.query<Row>({ text, values, rowMode: 'array' });
  }
}
