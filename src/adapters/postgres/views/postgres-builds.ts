import { setTimeout as sleep } from 'node:timers/promises';
import type { Position } from '../../../events/envelope.js';
import { limits } from '../../../limits.js';
import type {
  Build,
  BuildState,
  Builds,
  LaneState,
  ParkedState,
  Poison,
  ProjectionShape,
} from '../../../ports/read-models/read-models.js';
import type { ConnectionPool, Query } from '../connection-pool.js';
import { createTable, dropTable, showTable } from './tables.js';

// Lanes, parked streams and builds as they stand at one moment.
const LIST = `
  SELECT b.projection, b.build, b.version, b.lanes, b.state,
    (SELECT json_agg(json_build_object('lane', l.lane, 'position', l.position, 'handled', l.handled, 'poison', l.poison)
      ORDER BY l.lane) FROM views.lanes l WHERE l.projection = b.projection AND l.build = b.build),
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

/** Whoever makes or changes builds does so alone. */
const ALONE = "SELECT pg_advisory_xact_lock(hashtextextended('verbatim.builds', 0))";

type ListedRow = [string, number, number, number, BuildState['state'], Omit<ListedLane, never>[], ParkedState[]];
type ListedLane = { lane: number; position: Position; handled: number; poison: Poison | null };

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
    return rows.map(([projection, build, version, lanes, state, standing, parked]) => ({
      ...{ projection, build, version, state, parked },
      lanes: standing.map((lane): LaneState => ({ projection, build, lanes, ...lane })),
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
   * The live lanes are held where they are until the new ones have come as far: so however busy the log is, the new build
   * catches up, and nobody reads back in time.
   */
  swap(build: Build): Promise<'swapped' | 'behind'> {
    return this.pool.inTransaction(async (query) => {
      // Readers that hold a view for long make this attempt fail, and not every reader that comes after them wait.
      await query(`SET LOCAL lock_timeout = '${limits.swapLockMs}ms'`);
      await query(ALONE);
      const live = await lockLive(query, build.projection);
      if (!(await isReached(query, build, live))) return 'behind';
      await query(`UPDATE views.builds SET state = 'retired' WHERE projection = $1 AND state = 'live'`, [
        build.projection,
      ]);
      await query(`UPDATE views.builds SET state = 'live' WHERE projection = $1 AND build = $2`, [
        build.projection,
        build.build,
      ]);
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
      for (const table of tables) await query(dropTable(table, { build: number } as Build));
    }
  }
}

async function prepareOne(query: Query, shape: ProjectionShape): Promise<void> {
  const builds = await query(
    `SELECT version, lanes, state FROM views.builds WHERE projection = $1 AND state <> 'retired'`,
    [shape.name],
  );
  if (builds.length === 0) {
    const build = await make(query, shape, 'live');
    for (const table of shape.tables) await query(showTable(table, build));
    return;
  }
  const isMade = builds.some(([version, lanes]) => version === shape.version && lanes === shape.lanes);
  // An older process that starts again must not take the read models back to its version.
  if (isMade || builds.some(([version]) => version > shape.version)) return;
  await query(
    `UPDATE views.builds SET state = 'retired' WHERE projection = $1 AND state = 'building' AND version < $2`,
    [shape.name, shape.version],
  );
  const isBuilding = builds.some(([version, , state]) => state === 'building' && version === shape.version);
  if (!isBuilding) await make(query, shape, 'building');
}

async function make(query: Query, shape: ProjectionShape, state: 'live' | 'building'): Promise<Build> {
  const [row] = await query(
    `INSERT INTO views.builds (projection, build, version, lanes, state)
     SELECT $1, coalesce(max(build), 0) + 1, $2, $3, $4 FROM views.builds WHERE projection = $1 RETURNING build`,
    [shape.name, shape.version, shape.lanes, state],
  );
  const build: Build = { projection: shape.name, build: row?.[0] };
  for (const table of shape.tables) await query(createTable(table, build));
  await query(
    'INSERT INTO views.lanes (projection, build, lane) SELECT $1, $2, lane FROM generate_series(0, $3::integer - 1) lane',
    [build.projection, build.build, shape.lanes],
  );
  return build;
}

/** Where the live lane stands that has come furthest; from now on none of them moves. */
async function lockLive(query: Query, projection: string): Promise<string> {
  const rows = await query(
    `SELECT l.position FROM views.lanes l JOIN views.builds b ON b.projection = l.projection AND b.build = l.build
     WHERE l.projection = $1 AND b.state = 'live' FOR UPDATE OF l`,
    [projection],
  );
  const positions: string[] = rows.map(([position]) => position);
  return positions.sort().at(-1) ?? '';
}

async function isReached(query: Query, { projection, build }: Build, position: string): Promise<boolean> {
  const deadline = performance.now() + limits.swapWaitMs;
  for (;;) {
    const [row] = await query(
      `SELECT bool_and(l.position >= $3) FROM views.lanes l JOIN views.builds b USING (projection, build)
       WHERE l.projection = $1 AND l.build = $2 AND b.state = 'building'`,
      [projection, build, position],
    );
    if (row?.[0] || performance.now() > deadline) return row?.[0] === true;
    await sleep(limits.swapLookMs);
  }
}
