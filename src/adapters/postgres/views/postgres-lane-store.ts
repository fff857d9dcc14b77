import type { Position } from '../../../events/envelope.js';
import { limits } from '../../../limits.js';
import type {
  Build,
  FoundRow,
  LaneStore,
  OpenedBuild,
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
  UPDATE views.builds SET epoch = $3 WHERE projection = $1 AND build = $2 AND epoch <= $3 AND state <> 'retired'
  RETURNING position, handled`;

const PARKED = 'SELECT stream FROM views.parked WHERE projection = $1 AND build = $2';

const REPORT = 'UPDATE views.builds SET poison = $4 WHERE projection = $1 AND build = $2 AND epoch = $3';

const TO_REPLAY = `${PARKED} AND replay ORDER BY at, stream LIMIT ${limits.replayStreamsMax}`;

const idOf = ({ projection, build }: Build) => [projection, build];

export class PostgresLaneStore implements LaneStore {
  constructor(private readonly pool: ConnectionPool) {}

  async open(build: Build, epoch: number): Promise<OpenedBuild | undefined> {
    const opening = this.query<[Position, string]>(OPEN, [...idOf(build), epoch]);
    const [opened] = await unlessRefused(build.projection, opening);
    if (!opened) return undefined;
    const parked = await this.query<[string]>(PARKED, idOf(build));
    return { position: opened[0], handled: Number(opened[1]), parked: new Set(parked.map(([stream]) => stream)) };
  }

  async load(build: Build, keys: readonly RowKey[]): Promise<readonly FoundRow[]> {
    const tables = [...new Set(keys.map(({ table }) => table))];
    const found = await Promise.all(
      tables.map(async (table) => {
        const wanted = keys.flatMap((key) => (key.table === table ? [key.key] : []));
        const text = `SELECT key, doc::text FROM ${tableOf(table, build)} WHERE key = ANY($1)`;
        const values = [textArray(wanted)];
        const loading = this.query<[string, string]>(text, values, `load ${tableOf(table, build)}`);
        const rows = await unlessRefused(build.projection, loading);
        return rows.map(([key, doc]): FoundRow => ({ table, key, row: JSON.parse(doc) }));
      }),
    );
    return found.flat();
  }

  async commit(build: Build, epoch: number, step: Step): Promise<boolean> {
    const { text, values } = stepStatement(build, epoch, step);
    return (await unlessRefused(build.projection, this.query(text, values))).length > 0;
  }

  async report(build: Build, epoch: number, poison: Poison | null): Promise<void> {
    await this.query(REPORT, [...idOf(build), epoch, poison && JSON.stringify(poison)]);
  }

  async toReplay(build: Build): Promise<readonly string[]> {
    return (await this.query<[string]>(TO_REPLAY, idOf(build))).map(([stream]) => stream);
  }

  private query<Row extends unknown[]>(text: string, values: unknown[], name?: string): Promise<Row[]> {
    return this.pool.query<Row>({ text, values, rowMode: 'array', ...(name !== undefined && { name }) });
  }
}
