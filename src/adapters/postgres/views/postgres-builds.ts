import { setTimeout as sleep } from 'node:timers/promises';
import { type Position, START } from '../../../events/envelope.js';
import { limits } from '../../../limits.js';
import type {
  Build,
  BuildState,
  Builds,
  ParkedState,
  Poison,
  ProjectionShape,
} from '../../../ports/read-models/read-models.js';
import type { ConnectionPool, Query } from '../connection-pool.js';
import { createTable, dropTable, settleTable, showTable } from './tables.js';

// Builds and parked streams in one snapshot.
const LIST = `
  SELECT b.projection, b.build, b.version, b.state, b.position, b.handled, b.poison,
    (SELECT coalesce(json_agg(json_build_object('stream', p.stream, 'at', p.at, 'poison', p.poison,
      'replaying', p.replay) ORDER BY p.at, p.stream), '[]') FROM views.parked p WHERE p.projection = b.projection AND p.build = b.build)
  FROM views.builds b WHERE b.state <> 'retired' ORDER BY b.projection, b.build`;

const REPLAY = `
  UPDATE views.parked p SET replay = true FROM views.builds b
  WHERE p.projection = $1 AND p.stream = $2 AND b.projection = p.projection AND b.build = p.build AND b.state = 'live'
  RETURNING true`;

const REPLAY_ALL = `
  UPDATE views.parked p SET replay = true FROM views.builds b
  WHERE p.projection = $1 AND b.projection = p.projection AND b.build = p.build AND b.state = 'live'
  RETURNING true`;

/** From now on the live build does not change. */
const LOCK_LIVE = `SELECT position FROM views.builds WHERE projection = $1 AND state = 'live' FOR UPDATE`;

/** A lock: one process at a time makes or changes builds. */
const ALONE = "SELECT pg_advisory_xact_lock(hashtextextended('verbatim.builds', 0))";

type ListedRow = [
  projection: string,
  build: number,
  version: number,
  state: BuildState['state'],
  position: Position,
  handled: string,
  poison: Poison | null,
  parked: ParkedState[],
];

export class PostgresBuilds implements Builds {
  private readonly shapes = new Map<string, ProjectionShape>();

  constructor(private readonly pool: ConnectionPool) {}

  async prepare(shapes: readonly ProjectionShape[]): Promise<void> {
    for (const shape of shapes) this.shapes.set(shape.name, shape);
    await this.pool.inTransaction(async (query) => {
      await query(ALONE);
      for (const shape of shapes) await prepareOne(query, shape);
    });
  }

  async list(): Promise<readonly BuildState[]> {
    const rows = await this.pool.query<ListedRow>({ text: LIST, rowMode: 'array' });
    return rows.map(([projection, build, version, state, position, handled, poison, parked]) => ({
      ...{ projection, build, version, state, position, poison, parked },
      handled: Number(handled),
    }));
  }

  begin(shape: ProjectionShape, abandoned: readonly Build[] = []): Promise<boolean> {
    const numbers = abandoned.map(({ build }) => build);
    return this.pool.inTransaction(async (query) => {
      await query(ALONE);
      const inTheWay = await query(
        `SELECT 1 FROM views.builds WHERE projection = $1 AND build <> ALL($3)
           AND (state = 'building' OR state = 'live' AND version > $2)`,
        [shape.name, shape.version, numbers],
      );
      if (inTheWay.length > 0) return false;
      await query(
        `UPDATE views.builds SET state = 'retired' WHERE projection = $1 AND build = ANY($2) AND state = 'building'`,
        [shape.name, numbers],
      );
      await make(query, shape, 'building');
      return true;
    });
  }

  /**
   * Stops the live lane until the new build has caught up, so that it catches up however busy the log is, and reads never go
   * back in time.
   */
  swap(build: Build): Promise<'swapped' | 'behind'> {
    return this.pool.inTransaction(async (query) => {
      // A reader that holds a view for long makes this attempt fail. Otherwise all later readers would wait behind it.
      await query(`SET LOCAL lock_timeout = '${limits.swapLockMs}ms'`);
      await query(ALONE);
      // Done before queries wait for the swap, because it takes as long as a step.
      await settle(query, this.shapes.get(build.projection) as ProjectionShape, build);
      const [live] = await query(LOCK_LIVE, [build.projection]);
      if (!(await isReached(query, build, live?.[0] ?? START))) return 'behind';
      const { projection, build: next } = build;
      await query(`UPDATE views.builds SET state = 'retired' WHERE projection = $1 AND state = 'live'`, [projection]);
      await query(`UPDATE views.builds SET state = 'live' WHERE projection = $1 AND build = $2`, [projection, next]);
      await this.show(query, build);
      return 'swapped';
    });
  }

  async replay(projection: string, stream: string): Promise<boolean> {
    const values = [projection, stream];
    return (await this.pool.query({ text: REPLAY, values, rowMode: 'array' })).length > 0;
  }

  async replayAll(projection: string): Promise<number> {
    return (await this.pool.query({ text: REPLAY_ALL, values: [projection], rowMode: 'array' })).length;
  }

  private async show(query: Query, build: Build): Promise<void> {
    const { tables } = this.shapes.get(build.projection) as ProjectionShape;
    for (const table of tables) await query(showTable(table, build));
    const old = await query(
      `SELECT build FROM views.builds WHERE projection = $1 AND state = 'retired' ORDER BY build DESC OFFSET 1`,
      [build.projection],
    );
    for (const [number] of old) {
      for (const table of tables) await query(dropTable(table, { build: number }));
    }
  }
}

async function prepareOne(query: Query, shape: ProjectionShape): Promise<void> {
  const builds = await query(`SELECT version, state FROM views.builds WHERE projection = $1 AND state <> 'retired'`, [
    shape.name,
  ]);
  if (builds.length === 0) {
    const build = await make(query, shape, 'live');
    await settle(query, shape, build);
    for (const table of shape.tables) await query(showTable(table, build));
    return;
  }
  // An older process that starts again must not take the read models back to its version.
  if (builds.some(([version]) => version >= shape.version)) return;
  await query(`UPDATE views.builds SET state = 'retired' WHERE projection = $1 AND state = 'building'`, [shape.name]);
  await make(query, shape, 'building');
}

async function make(query: Query, shape: ProjectionShape, state: 'live' | 'building'): Promise<Build> {
  const [row] = await query(
    `INSERT INTO views.builds (projection, build, version, state)
     SELECT $1, coalesce(max(build), 0) + 1, $2, $3 FROM views.builds WHERE projection = $1 RETURNING build`,
    [shape.name, shape.version, state],
  );
  const build: Build = { projection: shape.name, build: row?.[0] };
  for (const table of shape.tables) await query(createTable(table, build));
  return build;
}

async function settle(query: Query, { tables }: ProjectionShape, build: Build): Promise<void> {
  for (const table of tables) for (const statement of settleTable(table, build)) await query(statement);
}

async function isReached(query: Query, { projection, build }: Build, position: string): Promise<boolean> {
  const deadline = performance.now() + limits.swapWaitMs;
  for (;;) {
    const [row] = await query(
      `SELECT position >= $3 FROM views.builds WHERE projection = $1 AND build = $2 AND state = 'building'`,
      [projection, build, position],
    );
    if (row?.[0] || performance.now() > deadline) return row?.[0] === true;
    await sleep(limits.swapLookMs);
  }
}
