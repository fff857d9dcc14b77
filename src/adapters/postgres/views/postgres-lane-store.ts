import type { Position } from '../../../events/envelope.js';
import { limits } from '../../../limits.js';
import type {
  Build,
  FoundRow,
  Lane,
  LaneStore,
  OpenedLane,
  Poison,
  RowKey,
  Step,
} from '../../../ports/read-models/read-models.js';
import { textArray } from '../binary-arrays.js';
import type { ConnectionPool } from '../connection-pool.js';
import { unlessRefused } from './refused.js';
import { stepStatement } from './step-statement.js';
import { tableOf } from './tables.js';

const OPEN = `
  UPDATE views.lanes AS lane SET epoch = $4 FROM views.builds AS build
  WHERE lane.projection = $1 AND lane.build = $2 AND lane.lane = $3 AND lane.epoch <= $4
    AND build.projection = $1 AND build.build = $2 AND build.state <> 'retired'
  RETURNING lane.position, lane.handled`;

const PARKED = 'SELECT stream FROM views.parked WHERE projection = $1 AND build = $2 AND lane = $3';

const TELL = `
  UPDATE views.lanes SET poison = $5 WHERE projection = $1 AND build = $2 AND lane = $3 AND epoch = $4`;

const TO_REPLAY = `${PARKED} AND replay ORDER BY at, stream LIMIT ${limits.replayStreamsMax}`;

const idOf = ({ projection, build, lane }: Lane) => [projection, build, lane];

export class PostgresLaneStore implements LaneStore {
  constructor(private readonly pool: ConnectionPool) {}

  async open(lane: Lane, epoch: number): Promise<OpenedLane | undefined> {
    const opening = this.query<[Position, string]>(OPEN, [...idOf(lane), epoch]);
    const [opened] = await unlessRefused(lane.projection, opening);
    if (!opened) return undefined;
    const parked = await this.query<[string]>(PARKED, idOf(lane));
    return { position: opened[0], handled: Number(opened[1]), parked: new Set(parked.map(([stream]) => stream)) };
  }

  async load(build: Build, keys: readonly RowKey[]): Promise<readonly FoundRow[]> {
    const tables = [...new Set(keys.map(({ table }) => table))];
    const found = await Promise.all(
      tables.map(async (table) => {
        const wanted = keys.flatMap((key) => (key.table === table ? [key.key] : []));
        const text = `SELECT key, doc::text FROM ${tableOf(table, build)} WHERE key = ANY($1)`;
        const query = { name: `load ${tableOf(table, build)}`, text, values: [textArray(wanted)], rowMode: 'array' };
        const rows = await unlessRefused(build.projection, this.pool.query<[string, string]>(query as never));
        return rows.map(([key, doc]) => ({ table, key, row: JSON.parse(doc) }) as FoundRow);
      }),
    );
    return found.flat();
  }

  async commit(lane: Lane, epoch: number, step: Step): Promise<boolean> {
    const { text, values } = stepStatement(lane, epoch, step);
    return (await unlessRefused(lane.projection, this.query(text, values))).length > 0;
  }

  async tell(lane: Lane, epoch: number, poison: Poison | null): Promise<void> {
    await this.query(TELL, [...idOf(lane), epoch, poison && JSON.stringify(poison)]);
  }

  async toReplay(lane: Lane): Promise<readonly string[]> {
    return (await this.query<[string]>(TO_REPLAY, idOf(lane))).map(([stream]) => stream);
  }

  private query<Row extends unknown[]>(text: string, values: unknown[]): Promise<Row[]> {
    return this.pool.query<Row>({ text, values, rowMode: 'array' });
  }
}
