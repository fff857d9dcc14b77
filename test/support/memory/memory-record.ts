import type {
  ChainPlace,
  HeadKind,
  HeadName,
  KeptNote,
  KeptNotes,
  LoadedHead,
  RecordStep,
  RecordStore,
  SigningResult,
  StoredEntry,
  StoredHead,
  StoredHeads,
  StoredKeyEnd,
  StoredNote,
  StoredTileHash,
  StoredTreeEdge,
  WantedHeads,
  Writer,
  WrittenStep,
} from '../../../src/ports/record.js';
import type { MemoryCheckpoints } from './memory-checkpoints.js';

export class MemoryRecord implements RecordStore {
  private trees = new Map<string, StoredTreeEdge>();
  private refused = new Map<string, string | null>();
  private chains = new Map<string, StoredHead>();
  private owners = new Map<string, StoredHead>();
  private stored: StoredEntry[] = [];
  private tiles: StoredTileHash[] = [];
  private notes: StoredNote[] = [];
  private readonly ends: StoredKeyEnd[] = [];

  constructor(private readonly checkpoints: MemoryCheckpoints) {}

  async load({ tenants, chains, owners, streams }: WantedHeads): Promise<StoredHeads> {
    return {
      trees: tenants.flatMap((tenant) => {
        const [entries, tree] = [(this.of(tenant).at(-1)?.index ?? -1) + 1, this.trees.get(tenant)];
        if (!tree && entries === 0) return [];
        return { tenant, size: 0, edge: [], stopped: null, ...tree, entries };
      }),
      chains: chains.flatMap((name) => this.loaded(name, this.chains, ({ stream }) => stream === name.name)),
      owners: owners.flatMap((name) =>
        this.loaded(name, this.owners, ({ leaf }) => {
          const { owner, oprev } = JSON.parse(leaf);
          return oprev !== undefined && owner === name.name;
        }),
      ),
      streams: streams.flatMap((name) => {
        const revisions = this.of(name.tenant).flatMap(({ stream, revision }) =>
          stream === name.name ? revision : [],
        );
        return revisions.length === 0 ? [] : { ...name, revision: Math.max(...revisions) };
      }),
    };
  }

  private loaded(
    name: HeadName,
    heads: ReadonlyMap<string, StoredHead>,
    isOf: (entry: StoredEntry) => boolean,
  ): LoadedHead[] {
    const head = heads.get(keyOf(name)) ?? null;
    const newest = this.of(name.tenant).filter(isOf).at(-1)?.index ?? null;
    const leaf = this.of(name.tenant).find(({ index }) => index === head?.entry)?.leaf ?? null;
    return head || newest !== null ? [{ ...name, head, leaf, newest }] : [];
  }

  async write(writer: Writer, step: RecordStep): Promise<WrittenStep | undefined> {
    if (!this.checkpoints.move(writer, step.from, step.to)) return undefined;
    const refused = new Map<string, string>();
    const keys = new Set(this.stored.map(({ tenant, index }) => `${tenant} ${index}`));
    for (const { tenant, index } of step.entries) {
      if (keys.has(`${tenant} ${index}`)) refused.set(tenant, `entry ${index} is stored already`);
    }
    const isTaken = ({ tenant }: { readonly tenant: string }) => !refused.has(tenant);
    this.stored.push(...step.entries.filter(isTaken));
    this.tiles.push(...step.tileHashes.filter(isTaken));
    for (const tree of step.trees.filter(isTaken)) this.trees.set(tree.tenant, tree);
    for (const head of step.chains.filter(isTaken)) this.chains.set(keyOf(head), head);
    for (const head of step.owners.filter(isTaken)) this.owners.set(keyOf(head), head);
    for (const [tenant, stopped] of refused) {
      const tree = { tenant, size: 0, edge: [], ...this.trees.get(tenant) };
      this.trees.set(tenant, { ...tree, stopped });
    }
    return { refused };
  }

  async publish(writer: Writer, { notes, refused, ended }: SigningResult, keptSince: string): Promise<boolean> {
    if (!this.checkpoints.isAt(writer)) return false;
    const replaced = (old: StoredNote) => notes.some(({ tenant, size }) => tenant === old.tenant && size === old.size);
    const expired = (old: StoredNote) => old.at < keptSince && notes.some(({ tenant }) => tenant === old.tenant);
    this.notes = [...this.notes.filter((old) => !replaced(old) && !expired(old)), ...notes];
    for (const [tenant, reason] of refused) {
      if (reason !== null && !this.trees.has(tenant))
        this.trees.set(tenant, { tenant, size: 0, edge: [], stopped: null });
      this.refused.set(tenant, reason);
    }
    const isKnown = (end: StoredKeyEnd) =>
      this.ends.some(({ tenant, verifierKey }) => tenant === end.tenant && verifierKey === end.verifierKey);
    this.ends.push(...ended.filter((end) => !isKnown(end)));
    return true;
  }

  async tenants(): Promise<string[]> {
    return [...new Set([...this.trees.keys(), ...this.notes.map(({ tenant }) => tenant)])];
  }

  async unsigned(): Promise<string[]> {
    const trees = [...this.trees.values()];
    const signed = await Promise.all(trees.map(async ({ tenant }) => (await this.lastNote(tenant))?.size ?? 0));
    return trees.filter(({ size }, nth) => size > (signed[nth] as number)).map(({ tenant }) => tenant);
  }

  async troubles(tenantsMax: number): Promise<ReadonlyMap<string, string>> {
    const found = [...this.trees.values()].flatMap(({ tenant, stopped }) => {
      const reason = stopped ?? this.refused.get(tenant) ?? null;
      return reason === null ? [] : [[tenant, reason] as const];
    });
    return new Map(found.sort(([one], [other]) => (one < other ? -1 : 1)).slice(0, tenantsMax));
  }

  async forget(name: string): Promise<void> {
    this.checkpoints.forget(name);
    [this.trees, this.chains, this.owners] = [new Map(), new Map(), new Map()];
    [this.stored, this.tiles] = [[], []];
  }

  async endOwner(name: string): Promise<void> {
    this.checkpoints.laterEpoch(name);
  }

  async heads(tenant: string, kind: HeadKind, after: string, count: number): Promise<StoredHead[]> {
    const heads = [...(kind === 'chains' ? this.chains : this.owners).values()];
    const later = heads.filter((head) => head.tenant === tenant && head.name > after);
    return later.sort((one, other) => (one.name < other.name ? -1 : 1)).slice(0, count);
  }

  async lastNotes(tenants: readonly string[]): Promise<StoredNote[]> {
    return (await Promise.all(tenants.map((tenant) => this.lastNote(tenant)))).flatMap((note) => note ?? []);
  }

  async keyEnds(tenant: string): Promise<StoredKeyEnd[]> {
    return this.ends.filter((end) => end.tenant === tenant).sort((one, other) => one.size - other.size);
  }

  async lastNote(tenant: string): Promise<StoredNote | undefined> {
    return this.notes.filter((note) => note.tenant === tenant).sort((one, other) => other.size - one.size)[0];
  }

  async noteOf(tenant: string, size: number): Promise<StoredNote | undefined> {
    return this.notes.find((note) => note.tenant === tenant && note.size === size);
  }

  async chained(tenant: string, after: ChainPlace, size: number, count: number): Promise<StoredEntry[]> {
    const placed = this.of(tenant).map((entry) => ({ entry, chain: chainOf(entry) }));
    const isAfter = (chain: string, index: number) =>
      chain > after.chain || (chain === after.chain && index > after.index);
    return placed
      .filter(({ entry, chain }) => entry.index < size && isAfter(chain, entry.index))
      .sort((one, other) =>
        one.chain === other.chain ? one.entry.index - other.entry.index : one.chain < other.chain ? -1 : 1,
      )
      .slice(0, count)
      .map(({ entry }) => entry);
  }

  async tile(tenant: string, { level, index }: { level: number; index: number }, width: number): Promise<Buffer[]> {
    const hashes: readonly StoredTileHash[] =
      level === 0
        ? this.of(tenant).map((entry) => ({ ...entry, level: 0 }))
        : this.tiles.filter((tile) => tile.tenant === tenant && tile.level === level);
    return hashes
      .filter((each) => each.index >= index * 256 && each.index < index * 256 + width)
      .map(({ hash }) => hash);
  }

  async entries(tenant: string, from: number, count: number): Promise<StoredEntry[]> {
    return this.of(tenant).filter(({ index }) => index >= from && index < from + count);
  }

  async entryOf(tenant: string, stream: string, revision: number): Promise<StoredEntry | undefined> {
    const found = this.of(tenant).filter((entry) => entry.stream === stream && entry.revision >= revision);
    return found.sort((one, other) => one.revision - other.revision)[0];
  }

  async entryOfEvent(tenant: string, event: string): Promise<StoredEntry | undefined> {
    return this.of(tenant).find((entry) => entry.event === event);
  }

  private of(tenant: string): StoredEntry[] {
    return this.stored.filter((entry) => entry.tenant === tenant);
  }
}

const chainOf = ({ leaf }: StoredEntry): string => /"chain":"([^"]*)"/.exec(leaf)?.[1] ?? '';

const keyOf = ({ tenant, name }: HeadName): string => `${tenant} ${name}`;

export class MemoryNotes implements KeptNotes {
  readonly byOrigin = new Map<string, string>();

  async read(origin: string): Promise<string | undefined> {
    return this.byOrigin.get(origin);
  }

  async *all(): AsyncGenerator<KeptNote> {
    for (const [origin, note] of this.byOrigin) yield { tenant: origin.split('/').at(-1) as string, note };
  }

  async keep(origin: string, note: string): Promise<void> {
    this.byOrigin.set(origin, note);
  }
}
