import { Frontier } from '../formats/record-1/frontier.js';
import { type NotePublicKey, NoteSigner, originOf } from '../formats/record-1/note.js';
import { isConsistent, type SignedTree } from '../formats/record-1/proofs.js';
import type { SigningKeys } from '../formats/record-1/signing-keys.js';
import type { Clock } from '../ports/clock.js';
import { safeReason } from '../ports/errors.js';
import type { KeptNotes, RecordStore, StoredKeyEnd, StoredNote, StoredTreeEdge, Writer } from '../ports/record.js';
import { recordLimits } from '../record-limits.js';
import { RecordIncomplete, TreeHashes } from './tree-hashes.js';

export interface SigningParts {
  readonly store: Pick<RecordStore, 'load' | 'lastNote' | 'publish' | 'tile'>;
  readonly kept: KeptNotes;
  readonly keys: SigningKeys;
  readonly clock: Pick<Clock, 'now'>;
  /** Of the log. */
  readonly identity: string;
  readonly incarnation: string;
  /** Logs a line for operators: names and reasons, never texts of users. */
  readonly warn: (facts: object, message: string) => void;
}

/** The tree must not be signed. Only this tenant is concerned. */
class Unsignable extends Error {}

/** The last note of a tenant cannot be read or kept outside the store. It is tried again. */
class NotKept extends Error {
  constructor(cause: unknown) {
    super(`its last note cannot be read or kept outside the database: ${safeReason(cause)}`, { cause });
  }
}

interface KnownTree extends SignedTree {
  readonly note: string;
  readonly key: NotePublicKey;
  /** Whether readers can get its note from the store. */
  readonly isPublished: boolean;
}

/** A note, and the key that ended with it. */
interface Signed {
  readonly note: StoredNote;
  readonly ended: StoredKeyEnd | undefined;
}

/**
 * The last tree of an earlier key. Readers must get the note at which it ends: one that was kept before a crash, and not published,
 * ends no key.
 */
function replacedIn(before: readonly KnownTree[], isOurs: (tree: KnownTree) => boolean): KnownTree | undefined {
  const last = before.find(({ isPublished }) => isPublished) ?? before[0];
  if (!last || isOurs(last)) return undefined;
  return before.filter((tree) => !isOurs(tree)).sort((one, other) => other.size - one.size)[0];
}

/** Of a tenant of whom the store has nothing any more. */
const EMPTY = { size: 0, edge: [], stopped: null };

/**
 * Signs trees that continue the last signed one. It compares with the last note of the store and of the data directory, so neither a
 * restored nor a changed database makes it sign two trees of which none continues the other.
 */
export class TreeSigner {
  /** The last signed trees of this owner. */
  private readonly known = new Map<string, KnownTree>();
  /** The sizes of the last notes of trees that are built again. */
  private readonly notReached = new Map<string, number>();
  /** Why trees are not signed, as the log of this process says. */
  private readonly reported = new Map<string, string>();

  constructor(private readonly parts: SigningParts) {}

  /**
   * Signs the trees of these tenants, and returns those that are not signed yet although nothing is wrong with them: a tree that
   * is being built again can be smaller than its note until it has caught up. Undefined if another owner has taken over.
   */
  async sign(writer: Writer, tenants: readonly string[], isCaughtUp: boolean): Promise<string[] | undefined> {
    const { store, clock } = this.parts;
    const { trees } = await store.load({ tenants, chains: [], owners: [], streams: [] });
    const stored = new Set(trees.map(({ tenant }) => tenant));
    const lost = tenants.filter((tenant) => !stored.has(tenant)).map((tenant) => ({ ...EMPTY, tenant }));
    const signed: Signed[] = [];
    const refused = new Map<string, string | null>();
    const waiting: string[] = [];
    const failures: NotKept[] = [];
    const signOne = async (tree: StoredTreeEdge) => {
      try {
        const result = await this.signedOf(tree, isCaughtUp);
        if (result === 'later') waiting.push(tree.tenant);
        else refused.set(tree.tenant, null);
        if (typeof result === 'object') signed.push(result);
      } catch (error) {
        if (!(error instanceof Unsignable || error instanceof NotKept)) throw error;
        this.known.delete(tree.tenant);
        refused.set(tree.tenant, error.message);
        if (error instanceof NotKept) {
          waiting.push(tree.tenant);
          failures.push(error);
        }
      }
    };
    const left = [...trees, ...lost].values();
    const signOn = async () => {
      for (const tree of left) await signOne(tree);
    };
    await Promise.all(Array.from({ length: recordLimits.recordSignedAtOnceMax }, signOn));
    // Not the fault of a tenant: the disk is full, or the folder is away.
    if (failures.length > 0 && failures.length === tenants.length) throw failures[0]?.cause;
    for (const [tenant, reason] of refused) this.report(tenant, reason);
    const keptSince = new Date(clock.now() - recordLimits.recordNoteKeptMs).toISOString();
    const notes = signed.map(({ note }) => note);
    const ended = signed.flatMap(({ ended }) => ended ?? []);
    if (!(await store.publish(writer, { notes, refused, ended }, keptSince))) return undefined;
    for (const { tenant } of notes)
      this.known.set(tenant, { ...(this.known.get(tenant) as KnownTree), isPublished: true });
    return waiting;
  }

  private async signedOf(stored: StoredTreeEdge, isCaughtUp: boolean): Promise<Signed | 'later' | 'signed'> {
    const { kept, keys, clock } = this.parts;
    const { tenant, size } = stored;
    const origin = this.originOf(tenant);
    // A note is read once, however long its tree takes to reach it again.
    if (!isCaughtUp && size < (this.notReached.get(tenant) ?? 0)) return 'later';
    const known = this.known.get(tenant);
    const before = known ? [known] : await this.lastOf(tenant);
    const largest = Math.max(0, ...before.map((tree) => tree.size));
    if (largest > size) {
      this.notReached.set(tenant, largest);
      if (!isCaughtUp) return 'later';
      throw new Unsignable(`the last note is of ${largest} entries, and the log makes only ${size}`);
    }
    if (size === 0) return 'signed';
    const tree = { size, root: Frontier.at(size, stored.edge).root() };
    if (before.length === 0) await this.requireStored(tenant, tree);
    for (const signed of before) await this.requireContinued(tenant, signed, tree);
    const isOurs = ({ key }: KnownTree) => key === keys.present;
    if (before.some((signed) => isOurs(signed) && signed.isPublished && signed.size === size)) return 'signed';
    const replaced = replacedIn(before, isOurs);
    // Both keys sign the size at which the earlier one ends. One without its seed ended with its last note.
    const note = keys.present.sign(origin, tree, replaced?.key instanceof NoteSigner ? replaced.key : undefined);
    await kept.keep(origin, note).catch(throwNotKept);
    this.known.set(tenant, { ...tree, note, key: keys.present, isPublished: false });
    const at = new Date(clock.now()).toISOString();
    const end = replaced && {
      ...{ tenant, at, verifierKey: replaced.key.verifierKey(origin) },
      ...(replaced.key instanceof NoteSigner ? { size, note } : { size: replaced.size, note: replaced.note }),
    };
    return { note: { tenant, size, note, verifierKey: keys.present.verifierKey(origin), at }, ended: end };
  }

  /** Computed from the tiles that readers get, so they can check the same. */
  private async requireContinued(tenant: string, signed: SignedTree, tree: SignedTree): Promise<void> {
    const hashes = await this.requireStored(tenant, tree);
    const path = await unlessIncomplete(signed.size === tree.size ? [] : hashes.consistency(signed.size, tree.size));
    if (isConsistent(signed, tree, path)) return;
    throw new Unsignable(`the tree of ${tree.size} entries does not continue the last signed one, of ${signed.size}`);
  }

  /** The edge of the tree, from which its root is computed, must belong to these tiles. */
  private async requireStored(tenant: string, { size, root }: SignedTree): Promise<TreeHashes> {
    const hashes = new TreeHashes(this.parts.store, tenant);
    if ((await unlessIncomplete(hashes.root(size))).equals(root)) return hashes;
    throw new Unsignable(`the stored tree of ${size} entries has other hashes`);
  }

  /** The last published and the last kept tree. */
  private async lastOf(tenant: string): Promise<KnownTree[]> {
    const { store, kept, keys } = this.parts;
    const origin = this.originOf(tenant);
    const published = (await store.lastNote(tenant))?.note;
    const notes = [
      [published, true],
      [await kept.read(origin).catch(throwNotKept), false],
    ] as const;
    return notes.flatMap(([note, isPublished]) => {
      if (note === undefined) return [];
      const opened = keys.open(origin, note);
      if (!opened) throw new Unsignable('the last note is not signed with the present key');
      return [{ ...opened.tree, note, key: opened.key, isPublished }];
    });
  }

  private report(tenant: string, reason: string | null): void {
    if (reason === null) this.reported.delete(tenant);
    else if (this.reported.get(tenant) !== reason) {
      this.reported.set(tenant, reason);
      this.parts.warn({ tenant, reason }, 'the record of a tenant is not signed');
    }
  }

  private originOf(tenant: string): string {
    return originOf(this.parts.identity, this.parts.incarnation, tenant);
  }
}

function throwNotKept(error: unknown): never {
  throw new NotKept(error);
}

async function unlessIncomplete<T>(work: T | Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof RecordIncomplete)) throw error;
    throw new Unsignable('hashes of the tree are missing');
  }
}
