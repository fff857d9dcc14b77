import { type Position, START } from '../../events/envelope.js';
import type { Checkpoints } from '../../ports/checkpoints.js';
import type { ConnectionPool } from './connection-pool.js';

const READ = 'SELECT position FROM runtime.checkpoints WHERE name = $1';

const OPEN = `
  INSERT INTO runtime.checkpoints AS standing (name, epoch, position) VALUES ($1, $2, '')
  ON CONFLICT (name) DO UPDATE SET epoch = excluded.epoch WHERE standing.epoch <= excluded.epoch
  RETURNING position`;

const SAVE = `
  INSERT INTO runtime.checkpoints AS standing (name, epoch, position) VALUES ($1, $2, $3)
  ON CONFLICT (name) DO UPDATE SET epoch = excluded.epoch, position = excluded.position
    WHERE standing.epoch <= excluded.epoch
  RETURNING position`;

export class PostgresCheckpoints implements Checkpoints {
  constructor(private readonly pool: ConnectionPool) {}

  async read(name: string): Promise<Position> {
    const [row] = await this.query(READ, [name]);
    return row?.[0] ?? START;
  }

  async open(name: string, epoch: number): Promise<Position | undefined> {
    const [row] = await this.query(OPEN, [name, epoch]);
    return row?.[0];
  }

  async save(name: string, epoch: number, position: Position): Promise<boolean> {
    return (await this.query(SAVE, [name, epoch, position])).length > 0;
  }

  private query(text: string, values: unknown[]): Promise<[Position][]> {
    return this.pool.query<[Position]>({ text, values, rowMode: 'array' });
  }
}
