import type { Position } from '../../../events/envelope.js';
import type {
  Build,
  FoundRow,
  Lane,
  LaneStore,
  OpenedLane,
  Poison,
  RowChange,
  RowKey,
  Step,
} from '../../../ports/read-models/read-models.js';
import type { TableName } from '../../../ports/read-models/rows.js';
import { jsonArray, textArray } from '../binary-arrays.js';
import type { ConnectionPool } from '../connection-pool.js';
import type { Column } from './columns.js';
import { unlessLost } from './lost.js';
import { shapes, tableOf } from './tables.js';

const OPEN = `
  UPDATE views.lanes AS lane SET epoch = $4 FROM views.builds AS build
  WHERE lane.projection = $1 AND lane.build = $2 AND lane.lane = $3 AND lane.epoch <= $4
    AND build.projection = $1 AND build.build = $2 AND build.state <> 'retired'
  RETURNING lane.position, lane.handled`;

const PARKED = 'SELECT stream FROM views.parked WHERE projection = $1 AND build = $2 AND lane = $3';

// The log has all of it: a commit that a crash takes away is made again, so nobody waits for its flush.
const MOVE = `
  UPDATE views.lanes AS lane SET position = $6, handled = $7
  FROM views.builds AS build, set_config('synchronous_commit', 'off', true)
  WHERE lane.projection = $1 AND lane.build = $2 AND lane.lane = $3 AND lane.epoch = $4 AND lane.position = $5
    AND build.projection = $1 AND build.build = $2 AND build.state <> 'retired'
  RETURNING true`;

const PARK = `
  INSERT INTO views.parked AS standing (projection, build, lane, stream, at, poison) VALUES ($1, $2, $3, $4, $5, $6)
  ON CONFLICT (projection, build, stream) DO UPDATE SET poison = excluded.poison, replay = false`;

const UNPARK = 'DELETE FROM views.parked WHERE projection = $1 AND build = $2 AND stream = $3';

const TELL = `
  UPDATE views.lanes SET poison = $5 WHERE projection = $1 AND build = $2 AND lane = $3 AND epoch = $4`;

const TO_REPLAY = `${PARKED} AND replay`;

const idOf = ({ projection, build, lane }: Lane) => [projection, build, lane];

export class PostgresLaneStore implements LaneStore {
  constructor(private readonly pool: ConnectionPool) {}

  async open(lane: Lane, epoch: number): Promise<OpenedLane | undefined> {
    const [opened] = await this.query<[Position, string]>(OPEN, [...idOf(lane), epoch]);
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
        const rows = await unlessLost(build.projection, this.pool.query<[string, string]>(query as never));
        return rows.map(([key, doc]) => ({ table, key, row: JSON.parse(doc) }) as FoundRow);
      }),
    );
    return found.flat();
  }

  async commit(lane: Lane, epoch: number, step: Step): Promise<boolean> {
    const { from, to, handled, changes, parked, unparked } = step;
    const isMoved = this.pool.inTransaction(async (query) => {
      const moved = await query(MOVE, [...idOf(lane), epoch, from, to, handled]);
      if (moved.length === 0) return false;
      for (const { text, values } of statementsFor(lane, changes)) await query(text, values);
      if (parked) await query(PARK, [...idOf(lane), parked.stream, parked.at, JSON.stringify(parked.poison)]);
      if (unparked !== undefined) await query(UNPARK, [lane.projection, lane.build, unparked]);
      return true;
    });
    return unlessLost(lane.projection, isMoved);
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

interface Statement {
  readonly text: string;
  readonly values: unknown[];
}

/** One statement for each table that has rows to write, and one for each that loses some. */
function statementsFor(build: Build, changes: readonly RowChange[]): Statement[] {
  const tables = new Set(changes.map(({ table }) => table));
  return [...tables].flatMap((table) => {
    const changed = changes.filter((change) => change.table === table);
    const written = changed.filter(({ row }) => row !== null);
    const removed = changed.filter(({ row }) => row === null);
    return [
      ...(written.length > 0 ? [upsert(table, build, written)] : []),
      ...(removed.length > 0 ? [removal(table, build, removed)] : []),
    ];
  });
}

function upsert(table: TableName, build: Build, changes: readonly RowChange[]): Statement {
  const { hasDocument, columns: declared } = shapes[table];
  const columns = declared as readonly Column<RowChange['row']>[];
  const rows = changes.map(({ row }) => row);
  const names = [...columns.map(({ name }) => name), ...(hasDocument ? ['doc'] : [])];
  const types = ['text[]', ...columns.map(({ arrayType }) => arrayType), ...(hasDocument ? ['json[]'] : [])];
  const taken = [...columns.map(({ name, stored }) => stored(`new.${name}`)), ...(hasDocument ? ['new.doc'] : [])];
  return {
    text: `
      INSERT INTO ${tableOf(table, build)} (${['key', ...names].join(', ')})
      SELECT ${['new.key', ...taken].join(', ')}
      FROM unnest(${types.map((type, nth) => `$${nth + 1}::${type}`).join(', ')}) AS new (${['key', ...names].join(', ')})
      ON CONFLICT (key) DO UPDATE SET ${names.map((name) => `${name} = excluded.${name}`).join(', ')}`,
    values: [
      textArray(changes.map(({ key }) => key)),
      ...columns.map(({ values }) => values(rows)),
      ...(hasDocument ? [jsonArray(rows.map((row) => JSON.stringify(row)))] : []),
    ],
  };
}

const removal = (table: TableName, build: Build, changes: readonly RowChange[]): Statement => ({
  text: `DELETE FROM ${tableOf(table, build)} WHERE key = ANY($1::text[])`,
  values: [textArray(changes.map(({ key }) => key))],
});
