import { Frontier } from '../formats/record-1/frontier.js';
import { openNote, originOf } from '../formats/record-1/note.js';
import type { SigningKeys } from '../formats/record-1/signing-keys.js';
import type { KeptNote, KeptNotes, RecordStore } from '../ports/record.js';
import { recordLimits } from '../record-limits.js';

export interface ComparisonParts {
  readonly store: Pick<RecordStore, 'load' | 'lastNotes' | 'tenants'>;
  readonly kept: Pick<KeptNotes, 'all'>;
  readonly keys: SigningKeys;
  readonly identity: string;
  readonly incarnation: string;
}

export interface StartComparison {
  /** Tenants whose tree is not that of the kept note, or whose last note the present key has not signed. */
  readonly toSign: ReadonlySet<string>;
  /** Tenants whose last note lies in the database only. */
  readonly inDatabaseOnly: readonly string[];
}

/**
 * Compares the notes outside the database with the trees, before anything is signed: after a restore of log and database together,
 * only they show what was signed. Each tenant costs some look-ups; only what differs is read from the tiles.
 */
export async function compareAtStart(parts: ComparisonParts): Promise<StartComparison> {
  const toSign = new Set<string>();
  const kept = new Map<string, number>();
  for await (const notes of batches(parts.kept.all(), recordLimits.recordNotesAtOnceMax)) {
    const ours = notes.filter((note) => isOurs(note, parts));
    const { trees } = await parts.store.load({
      ...{ tenants: ours.map(({ tenant }) => tenant), chains: [], owners: [], streams: [] },
    });
    const roots = new Map(
      trees.map(({ tenant, size, edge }) => [tenant, { size, root: Frontier.at(size, edge).root() }]),
    );
    for (const { tenant, note } of ours) {
      const opened = note === undefined ? undefined : parts.keys.open(originIn(parts, tenant), note);
      kept.set(tenant, opened?.tree.size ?? 0);
      const tree = roots.get(tenant);
      const isSame = tree && opened && tree.size === opened.tree.size && tree.root.equals(opened.tree.root);
      if (!isSame) toSign.add(tenant);
    }
  }
  const inDatabaseOnly: string[] = [];
  for await (const tenants of batches(await parts.store.tenants(), recordLimits.recordNotesAtOnceMax)) {
    for (const { tenant, note, size } of await parts.store.lastNotes(tenants)) {
      if ((kept.get(tenant) ?? -1) < size) inDatabaseOnly.push(tenant);
      const verifierKey = parts.keys.present.verifierKey(originIn(parts, tenant));
      if (parts.keys.earlier.length > 0 && !openNote(note, verifierKey)) toSign.add(tenant);
    }
  }
  return { toSign, inDatabaseOnly };
}

/** A note that cannot be read may be one of this log: the signer reports why. Those of earlier incarnations are of other trees. */
const isOurs = ({ tenant, note }: KeptNote, parts: ComparisonParts): boolean =>
  note === undefined || note.startsWith(`${originIn(parts, tenant)}\n`);

const originIn = ({ identity, incarnation }: ComparisonParts, tenant: string): string =>
  originOf(identity, incarnation, tenant);

async function* batches<T>(items: AsyncIterable<T> | Iterable<T>, itemsMax: number): AsyncGenerator<T[]> {
  let batch: T[] = [];
  for await (const item of items) {
    batch.push(item);
    if (batch.length < itemsMax) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
