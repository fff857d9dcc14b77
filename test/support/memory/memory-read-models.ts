import { type Position, START } from '../../../src/events/envelope.js';
import { limits } from '../../../src/limits.js';
import type {
  Build,
  BuildState,
  Builds,
  FoundRow,
  Lane,
  LaneStore,
  OpenedLane,
  Parked,
  Poison,
  ProjectionShape,
  RowChange,
  RowKey,
  Step,
} from '../../../src/ports/read-models/read-models.js';
import type { TableName, Tables } from '../../../src/ports/read-models/rows.js';

interface StandingLane extends Lane {
  epoch: number;
  position: Position;
  handled: number;
  poison: Poison | null;
}

interface StandingBuild extends Build {
  readonly version: number;
  state: BuildState['state'];
  readonly lanes: readonly StandingLane[];
  readonly parked: Map<string, Parked & { readonly lane: number; replay: boolean }>;
  readonly tables: Map<TableName, Map<string, string>>;
}

/** Builds, their lanes and their rows, without a database. Rows are kept as the texts that a database would keep. */
export class MemoryReadModels implements LaneStore, Builds {
  private readonly builds: StandingBuild[] = [];

  async prepare(shapes: readonly ProjectionShape[]): Promise<void> {
    for (const shape of shapes) {
      const standing = this.standing(shape.name);
      if (standing.length === 0) this.make(shape, 'live');
      const isMade = standing.some(({ version, lanes }) => version === shape.version && lanes.length === shape.lanes);
      if (standing.length === 0 || isMade || standing.some(({ version }) => version > shape.version)) continue;
      for (const build of standing) {
        if (build.state === 'building' && build.version < shape.version) build.state = 'retired';
      }
      await this.begin(shape);
    }
  }

  async list(): Promise<readonly BuildState[]> {
    return this.builds
      .filter(({ state }) => state !== 'retired')
      .map(({ projection, build, version, state, lanes, parked }) => ({
        ...{ projection, build, version, state },
        lanes: lanes.map(({ epoch: _, ...lane }) => ({ ...lane })),
        parked: [...parked.values()].map(({ lane: _, replay, ...rest }) => ({ ...rest, replaying: replay })),
      }));
  }

  async begin(shape: ProjectionShape, abandoned: readonly Build[] = []): Promise<boolean> {
    const isAbandoned = ({ build }: StandingBuild) => abandoned.some((each) => each.build === build);
    const isInTheWay = ({ state, version }: StandingBuild) => state === 'building' || version > shape.version;
    const standing = this.standing(shape.name);
    if (standing.some((build) => isInTheWay(build) && !isAbandoned(build))) return false;
    for (const build of standing) {
      if (build.state === 'building') build.state = 'retired';
    }
    this.make(shape, 'building');
    return true;
  }

  async swap(build: Build): Promise<'swapped' | 'behind'> {
    const next = this.find(build);
    const live = this.standing(build.projection).find(({ state }) => state === 'live');
    const furthest =
      (live?.lanes ?? [])
        .map(({ position }) => position)
        .sort()
        .at(-1) ?? START;
    if (next?.state !== 'building' || next.lanes.some(({ position }) => position < furthest)) return 'behind';
    if (live) live.state = 'retired';
    next.state = 'live';
    return 'swapped';
  }

  async replay(projection: string, stream: string): Promise<boolean> {
    const live = this.standing(projection).find(({ state }) => state === 'live');
    const parked = live?.parked.get(stream);
    if (parked) parked.replay = true;
    return parked !== undefined;
  }

  async replayAll(projection: string): Promise<number> {
    const live = this.standing(projection).find(({ state }) => state === 'live');
    for (const parked of live?.parked.values() ?? []) parked.replay = true;
    return live?.parked.size ?? 0;
  }

  async open(lane: Lane, epoch: number): Promise<OpenedLane | undefined> {
    const build = this.find(lane);
    const standing = build?.lanes[lane.lane];
    if (!build || !standing || build.state === 'retired' || standing.epoch > epoch) return undefined;
    standing.epoch = epoch;
    const parked = [...build.parked.values()].filter((each) => each.lane === lane.lane);
    const { position, handled } = standing;
    return { position, handled, parked: new Set(parked.map(({ stream }) => stream)) };
  }

  async load(build: Build, keys: readonly RowKey[]): Promise<readonly FoundRow[]> {
    const tables = this.find(build)?.tables;
    return keys.flatMap(({ table, key }) => {
      const row = tables?.get(table)?.get(key);
      return row === undefined ? [] : [{ table, key, row: JSON.parse(row) } as FoundRow];
    });
  }

  async commit(lane: Lane, epoch: number, step: Step): Promise<boolean> {
    const build = this.find(lane);
    const standing = build?.lanes[lane.lane];
    if (!build || !standing || build.state === 'retired') return false;
    if (standing.epoch !== epoch || standing.position !== step.from) return false;
    Object.assign(standing, { position: step.to, handled: step.handled });
    for (const change of step.changes) write(build.tables, change);
    if (step.parked) build.parked.set(step.parked.stream, { ...step.parked, lane: lane.lane, replay: false });
    if (step.unparked !== undefined) build.parked.delete(step.unparked);
    return true;
  }

  async tell(lane: Lane, epoch: number, poison: Poison | null): Promise<void> {
    const standing = this.find(lane)?.lanes[lane.lane];
    if (standing?.epoch === epoch) standing.poison = poison;
  }

  async toReplay({ lane, ...build }: Lane): Promise<readonly string[]> {
    const parked = [...(this.find(build)?.parked.values() ?? [])];
    const wanted = parked.filter((each) => each.lane === lane && each.replay).map(({ stream }) => stream);
    return wanted.slice(0, limits.replayStreamsMax);
  }

  /** All rows that are read now. */
  rows<T extends TableName>(projection: string, table: T): ReadonlyMap<string, Tables[T]> {
    const live = this.standing(projection).find(({ state }) => state === 'live');
    const entries = [...(live?.tables.get(table) ?? [])];
    return new Map(entries.map(([key, row]) => [key, JSON.parse(row)]));
  }

  private standing(projection: string): StandingBuild[] {
    return this.builds.filter((each) => each.projection === projection && each.state !== 'retired');
  }

  private find({ projection, build }: Build): StandingBuild | undefined {
    return this.builds.find((each) => each.projection === projection && each.build === build);
  }

  private make({ name: projection, version, lanes, tables }: ProjectionShape, state: StandingBuild['state']): void {
    const build = 1 + this.builds.filter((each) => each.projection === projection).length;
    this.builds.push({
      ...{ projection, build, version, state },
      lanes: Array.from({ length: lanes }, (_, lane) => ({
        ...{ projection, build, lane, lanes },
        ...{ epoch: 0, position: START, handled: 0, poison: null },
      })),
      parked: new Map(),
      tables: new Map(tables.map((table) => [table, new Map()])),
    });
  }
}

function write(tables: StandingBuild['tables'], { table, key, row }: RowChange): void {
  if (row === null) tables.get(table)?.delete(key);
  else tables.get(table)?.set(key, JSON.stringify(row));
}
