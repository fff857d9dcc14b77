import { Frontier } from '../formats/record-1/frontier.js';
import { type NoteSigner, openNote, originOf } from '../formats/record-1/note.js';
import { isConsistent, type SignedTree } from '../formats/record-1/proofs.js';
import { limits } from '../limits.js';
import type { Clock } from '../ports/clock.js';
import { safeReason } from '../ports/errors.js';
import type { KeptNotes, RecordStore, StoredNote, StoredTreeEdge, Writer } from '../ports/record.js';
import { RecordIncomplete, TreeHashes } from './tree-hashes.js';

export interface SigningParts {
  readonly store: Pick<RecordStore, 'load' | 'lastNote' | 'publish' | 'tile'>;
  readonly kept: KeptNotes;
  readonly signer: NoteSigner;
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
  /** Whether readers can get its note from the store. */
  readonly isPublished: boolean;
}

/**
 * Signs trees that continue the last signed one. It compares with the last note of the store and of the data directory, so neither a
 * restored nor a changed database makes it sign two trees of which none continues the other.
 */
export class TreeSigner {
  /** The last signed trees of this owner. */
  private readonly known = new Map<string, KnownTree>();
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
    const notes: StoredNote[] = [];
    const refused = new Map<string, string | null>();
    const waiting: string[] = [];
    const failures: NotKept[] = [];
    for (const tree of trees) {
      try {
        const note = await this.noteOf(tree, isCaughtUp);
        if (note === 'later') waiting.push(tree.tenant);
        else refused.set(tree.tenant, null);
        if (typeof note === 'object') notes.push(note);
      } catch (error) {
        if (!(error instanceof Unsignable || error instanceof NotKept)) throw error;
        this.known.delete(tree.tenant);
        refused.set(tree.tenant, error.message);
        if (error instanceof NotKept) {
          waiting.push(tree.tenant);
          failures.push(error);
        }
      }
    }
    // Not the fault of a tenant: the disk is full, or the folder is away.
    if (failures.length > 0 && failures.length === trees.length) throw failures[0]?.cause;
    for (const [tenant, reason] of refused) this.report(tenant, reason);
    const keptSince = new Date(clock.now() - limits.recordNoteKeptMs).toISOString();
    if (!(await store.publish(writer, { notes, refused }, keptSince))) return undefined;
    for (const { tenant } of notes)
      this.known.set(tenant, { ...(this.known.get(tenant) as KnownTree), isPublished: true });
    return waiting;
  }

  private async noteOf(stored: StoredTreeEdge, isCaughtUp: boolean): Promise<StoredNote | 'later' | 'signed'> {
    const { kept, signer, clock } = this.parts;
    const { tenant, size } = stored;
    if (size === 0) return 'signed';
    const origin = this.originOf(tenant);
    const known = this.known.get(tenant);
    const before = known ? [known] : await this.lastOf(tenant);
    const largest = Math.max(0, ...before.map((tree) => tree.size));
    if (largest > size) {
      if (!isCaughtUp) return 'later';
      throw new Unsignable(`the last note is of ${largest} entries, and the log makes only ${size}`);
    }
    const tree = { size, root: Frontier.at(size, stored.edge).root() };
    if (before.length === 0) await this.requireStored(tenant, tree);
    for (const signed of before) await this.requireContinued(tenant, signed, tree);
    if (before.some((signed) => signed.isPublished && signed.size === size)) return 'signed';
    const note = signer.sign(origin, tree);
    await kept.keep(origin, note).catch(throwNotKept);
    this.known.set(tenant, { ...tree, isPublished: false });
    return { tenant, size, note, verifierKey: signer.verifierKey(origin), at: new Date(clock.now()).toISOString() };
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
    const { store, kept, signer } = this.parts;
    const origin = this.originOf(tenant);
    const published = (await store.lastNote(tenant))?.note;
    const notes = [
      [published, true],
      [await kept.read(origin).catch(throwNotKept), false],
    ] as const;
    return notes.flatMap(([note, isPublished]) => {
      if (note === undefined) return [];
      const tree = openNote(note, signer.verifierKey(origin));
      if (!tree) throw new Unsignable('the last note is not signed with the present key');
      return [{ ...tree, isPublished }];
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
