import { type Position, START } from '../../../src/events/envelope.js';
import { limits } from '../../../src/limits.js';
import type {
  Build,
  BuildState,
  Builds,
  FoundRow,
  LaneStore,
  OpenedBuild,
  Parked,
  Poison,
  ProjectionShape,
  RowChange,
  RowKey,
  Step,
} from '../../../src/ports/read-models/read-models.js';
import type { Table } from '../../../src/ports/read-models/table.js';

interface StoredBuild extends Build {
  readonly version: number;
  state: BuildState['state'];
  epoch: number;
  position: Position;
  handled: number;
  poison: Poison | null;
  readonly parked: Map<string, Parked & { replay: boolean }>;
  readonly tables: Map<string, Map<string, string>>;
}

/** Builds and their rows, without a database. Rows are kept as the texts that a database would keep. */
export class MemoryReadModels implements LaneStore, Builds {
  private readonly builds: StoredBuild[] = [];

  async prepare(shapes: readonly ProjectionShape[]): Promise<void> {
    for (const shape of shapes) {
      const builds = this.inUse(shape.name);
      if (builds.length === 0) this.make(shape, 'live');
      else if (builds.every(({ version }) => version < shape.version)) await this.begin(shape, builds);
    }
  }

  async list(): Promise<readonly BuildState[]> {
    return this.builds
      .filter(({ state }) => state !== 'retired')
      .map(({ epoch: _, tables: __, parked, ...build }) => ({
        ...build,
        parked: [...parked.values()].map(({ replay, ...rest }) => ({ ...rest, replaying: replay })),
      }));
  }

  async begin(shape: ProjectionShape, abandoned: readonly Build[] = []): Promise<boolean> {
    const isAbandoned = ({ build }: StoredBuild) => abandoned.some((each) => each.build === build);
    const isInTheWay = ({ state, version }: StoredBuild) => state === 'building' || version > shape.version;
    const builds = this.inUse(shape.name);
    if (builds.some((build) => isInTheWay(build) && !isAbandoned(build))) return false;
    for (const build of builds) {
      if (build.state === 'building') build.state = 'retired';
    }
    this.make(shape, 'building');
    return true;
  }

  async swap(build: Build): Promise<'swapped' | 'behind'> {
    const next = this.find(build);
    const live = this.inUse(build.projection).find(({ state }) => state === 'live');
    if (next?.state !== 'building' || next.position < (live?.position ?? START)) return 'behind';
    if (live) live.state = 'retired';
    next.state = 'live';
    return 'swapped';
  }

  async replay(projection: string, stream: string): Promise<boolean> {
    const live = this.inUse(projection).find(({ state }) => state === 'live');
    const parked = live?.parked.get(stream);
    if (parked) parked.replay = true;
    return parked !== undefined;
  }

  async replayAll(projection: string): Promise<number> {
    const live = this.inUse(projection).find(({ state }) => state === 'live');
    for (const parked of live?.parked.values() ?? []) parked.replay = true;
    return live?.parked.size ?? 0;
  }

  async open(of: Build, epoch: number): Promise<OpenedBuild | undefined> {
    const build = this.find(of);
    if (!build || build.state === 'retired' || build.epoch > epoch) return undefined;
    build.epoch = epoch;
    const { position, handled, parked } = build;
    return { position, handled, parked: new Set(parked.keys()) };
  }

  async load(build: Build, keys: readonly RowKey[]): Promise<readonly FoundRow[]> {
    const tables = this.find(build)?.tables;
    return keys.flatMap(({ table, key }) => {
      const row = tables?.get(table.name)?.get(key);
      return row === undefined ? [] : [{ table, key, row: JSON.parse(row) }];
    });
  }

  async commit(of: Build, epoch: number, step: Step): Promise<boolean> {
    const build = this.find(of);
    if (!build || build.state === 'retired') return false;
    if (build.epoch !== epoch || build.position !== step.from) return false;
    Object.assign(build, { position: step.to, handled: step.handled });
    for (const change of step.changes) write(build.tables, change);
    if (step.parked) build.parked.set(step.parked.stream, { ...step.parked, replay: false });
    if (step.unparked !== undefined) build.parked.delete(step.unparked);
    return true;
  }

  async report(of: Build, epoch: number, poison: Poison | null): Promise<void> {
    const build = this.find(of);
    if (build?.epoch === epoch) build.poison = poison;
  }

  async toReplay(build: Build): Promise<readonly string[]> {
    const parked = [...(this.find(build)?.parked.values() ?? [])];
    const wanted = parked.filter((each) => each.replay).map(({ stream }) => stream);
    return wanted.slice(0, limits.replayStreamsMax);
  }

  /** All rows that are read now. */
  rows<Row>(projection: string, table: Table<Row>): ReadonlyMap<string, Row> {
    const live = this.inUse(projection).find(({ state }) => state === 'live');
    const entries = [...(live?.tables.get(table.name) ?? [])];
    return new Map(entries.map(([key, row]) => [key, JSON.parse(row)]));
  }

  private inUse(projection: string): StoredBuild[] {
    return this.builds.filter((each) => each.projection === projection && each.state !== 'retired');
  }

  private find({ projection, build }: Build): StoredBuild | undefined {
    return this.builds.find((each) => each.projection === projection && each.build === build);
  }

  private make({ name: projection, version, tables }: ProjectionShape, state: StoredBuild['state']): void {
    const build = 1 + this.builds.filter((each) => each.projection === projection).length;
    this.builds.push({
      ...{ projection, build, version, state, epoch: 0, position: START, handled: 0, poison: null },
      parked: new Map(),
      tables: new Map(tables.map(({ name }) => [name, new Map()])),
    });
  }
}

function write(tables: StoredBuild['tables'], { table, key, row }: RowChange): void {
  if (row === null) tables.get(table.name)?.delete(key);
  else tables.get(table.name)?.set(key, JSON.stringify(row));
}
