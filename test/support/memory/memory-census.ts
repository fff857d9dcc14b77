import { TILE_WIDTH } from '../../../src/formats/record-1/tiles.js';
import type {
  CensusState,
  CensusStore,
  CensusTree,
  CountedPart,
  StoredCensusChain,
} from '../../../src/ports/census.js';
import type { RecordStore, StoredTreeEdge } from '../../../src/ports/record.js';

type Stored = { -readonly [Name in keyof CensusState]: CensusState[Name] };

export class MemoryCensus implements CensusStore {
  private readonly states = new Map<string, Stored>();
  private readonly byTenant = new Map<string, Map<string, StoredCensusChain>>();
  private readonly trees = new Map<string, CensusTree>();

  constructor(private readonly record: Pick<RecordStore, 'tenants' | 'load'>) {}

  async state(tenant: string): Promise<CensusState | undefined> {
    const state = this.states.get(tenant);
    return state && { ...state };
  }

  async due(takenBefore: string, tenantsMax: number): Promise<readonly string[]> {
    const wanted = { tenants: await this.record.tenants(), chains: [], owners: [], streams: [] };
    const isDue = ({ tenant, size }: StoredTreeEdge) => {
      const state = this.states.get(tenant);
      if (!state || (state.counted > 0 && state.event === undefined)) return true;
      return state.since < takenBefore && size > state.counted + 1;
    };
    return (await this.record.load(wanted)).trees
      .filter(isDue)
      .map(({ tenant }) => tenant)
      .sort()
      .slice(0, tenantsMax);
  }

  async begin(tenant: string, since: string): Promise<void> {
    if (!this.states.has(tenant)) this.states.set(tenant, { counted: 0, since });
  }

  async count(tenant: string, { from, to, chains, since }: CountedPart): Promise<boolean> {
    const state = this.states.get(tenant);
    if ((state?.counted ?? 0) !== from) return false;
    this.states.set(tenant, { counted: to, since: state?.since ?? since });
    const counted = this.chainsOf(tenant);
    for (const chain of chains) counted.set(chain.chain, chain);
    this.byTenant.set(tenant, counted);
    return true;
  }

  async build(tenant: string, tree: CensusTree): Promise<boolean> {
    const state = this.states.get(tenant);
    if (state?.counted !== tree.size) return false;
    const { size, count, root } = tree;
    state.built = { size, count, root };
    this.trees.set(tenant, tree);
    return true;
  }

  async taken(tenant: string, size: number, event: string, at: string): Promise<void> {
    const state = this.states.get(tenant);
    if (state?.built?.size !== size) return;
    [state.event, state.since] = [event, at];
  }

  async chain(tenant: string, name: string): Promise<StoredCensusChain | undefined> {
    return this.chainsOf(tenant).get(name);
  }

  async chains(tenant: string, names: readonly string[]): Promise<readonly StoredCensusChain[]> {
    return names.flatMap((name) => this.chainsOf(tenant).get(name) ?? []);
  }

  async chainsAfter(tenant: string, key: Buffer, count: number): Promise<readonly StoredCensusChain[]> {
    return this.ordered(tenant)
      .filter((chain) => chain.key.compare(key) > 0)
      .slice(0, count);
  }

  async placeOf(tenant: string, key: Buffer): Promise<number> {
    return this.ordered(tenant).filter((chain) => chain.key.compare(key) < 0).length;
  }

  async chainsAt(tenant: string, place: number, count: number): Promise<readonly StoredCensusChain[]> {
    return this.ordered(tenant).slice(place, place + count);
  }

  async tile(tenant: string, { level, index }: { level: number; index: number }, width: number): Promise<Buffer[]> {
    const from = index * TILE_WIDTH;
    const hashes = (this.trees.get(tenant)?.tileHashes ?? []).filter((each) => each.level === level);
    return hashes.filter((each) => each.index >= from && each.index < from + width).map(({ hash }) => hash);
  }

  private chainsOf(tenant: string): Map<string, StoredCensusChain> {
    return this.byTenant.get(tenant) ?? new Map();
  }

  private ordered(tenant: string): StoredCensusChain[] {
    return [...this.chainsOf(tenant).values()].sort((one, other) => one.key.compare(other.key));
  }
}
