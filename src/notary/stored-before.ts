import { claimedTree } from '../formats/record-1/note.js';
import type { SignedTree } from '../formats/record-1/proofs.js';
import type { SigningKeys } from '../formats/record-1/signing-keys.js';
import type { HeadKind, KeptNotes, RecordStore, StoredHead, StoredNote, StoredTreeEdge } from '../ports/record.js';

type StoredRecord = Pick<RecordStore, 'heads' | 'lastNote' | 'load' | 'tenants'>;

/** Stored ends of chains that are read at once. */
const READ_HEADS = 500;

/** What is known outside the database. */
export interface KnownOutside {
  /** Undefined: notes are compared with the trees, and their signatures are not verified. */
  readonly keys: SigningKeys | undefined;
  readonly kept: Pick<KeptNotes, 'all'>;
  readonly originOf: (tenant: string) => string;
}

/** What is stored of a tenant before the log is read. The notary may write more while it is read. */
export interface StoredBefore {
  readonly tree: StoredTreeEdge | undefined;
  readonly chains: ReadonlyMap<string, StoredHead>;
  readonly owners: ReadonlyMap<string, StoredHead>;
  readonly published: StoredNote | undefined;
  readonly notes: readonly CheckedNote[];
}

interface CheckedNote {
  readonly is: 'last' | 'kept';
  /** Undefined if none of the keys has signed it, or if it cannot be read. */
  readonly tree: SignedTree | undefined;
}

export const NOTHING_STORED: StoredBefore = {
  ...{ tree: undefined, chains: new Map(), owners: new Map() },
  ...{ published: undefined, notes: [] },
};

export async function storedBefore(
  record: StoredRecord,
  outside: KnownOutside,
): Promise<ReadonlyMap<string, StoredBefore>> {
  const kept = await keptNotes(outside);
  const tenants = [...new Set([...(await record.tenants()), ...kept.keys()])];
  const { trees } = await record.load({ tenants, chains: [], owners: [], streams: [] });
  const byTenant = new Map(trees.map((tree) => [tree.tenant, tree]));
  const before = new Map<string, StoredBefore>();
  for (const tenant of tenants) {
    const published = await record.lastNote(tenant);
    const last: CheckedNote[] = published ? [{ is: 'last', tree: openedNote(published, outside) }] : [];
    const [chains, owners] = [await storedHeads(record, tenant, 'chains'), await storedHeads(record, tenant, 'owners')];
    const notes = [...last, ...(kept.get(tenant) ?? [])];
    before.set(tenant, { tree: byTenant.get(tenant), chains, owners, published, notes });
  }
  return before;
}

/** By tenant, those of this log and incarnation, and those that cannot be read. */
async function keptNotes({ kept, keys, originOf }: KnownOutside): Promise<ReadonlyMap<string, readonly CheckedNote[]>> {
  const notes = new Map<string, CheckedNote[]>();
  for await (const { tenant, note } of kept.all()) {
    const origin = originOf(tenant);
    if (note !== undefined && !note.startsWith(`${origin}\n`)) continue;
    const tree = note === undefined ? undefined : keys ? keys.open(origin, note)?.tree : claimedTree(note);
    notes.set(tenant, [...(notes.get(tenant) ?? []), { is: 'kept', tree }]);
  }
  return notes;
}

/** The key in the row proves nothing: who changes the note can change the key beside it. */
const openedNote = ({ tenant, note }: StoredNote, { keys, originOf }: KnownOutside): SignedTree | undefined =>
  keys ? keys.open(originOf(tenant), note)?.tree : claimedTree(note);

async function storedHeads(
  record: StoredRecord,
  tenant: string,
  kind: HeadKind,
): Promise<ReadonlyMap<string, StoredHead>> {
  const heads = new Map<string, StoredHead>();
  for (let after = ''; ; ) {
    const page = await record.heads(tenant, kind, after, READ_HEADS);
    for (const head of page) heads.set(head.name, head);
    const last = page.at(-1);
    if (!last || page.length < READ_HEADS) return heads;
    after = last.name;
  }
}
