import { rangesBesideLeaves } from '../formats/record-1/proofs.js';
import { TreeHashes } from '../notary/tree-hashes.js';
import type { EventLog } from '../ports/event-log.js';
import type { RecordQueries, StoredNote } from '../ports/record.js';
import type { ValueKeys } from '../ports/value-keys.js';
import { type BagScope, bagOf, type Custody, type ProofNode } from './bag/bag.js';
import { NothingToExport, type ScopeOfTree, scopeEntries } from './scope-entries.js';
import { scopeReveals } from './scope-reveals.js';
import { scopeTexts } from './scope-texts.js';

export interface ExportRequest {
  readonly tenant: string;
  readonly scope: BagScope;
  /** Of a kept note. Absent: the last signed tree. */
  readonly size?: number | undefined;
  /** False: entries alone. */
  readonly reveal: boolean;
  readonly custody: Custody;
}

export interface ExportParts {
  readonly log: Pick<EventLog, 'readStream'>;
  readonly record: Pick<RecordQueries, 'chained' | 'lastNote' | 'noteOf' | 'tile'>;
  readonly keys: Pick<ValueKeys, 'find'>;
}

/** The names of a scope are in one line of the bag. */
const CONVERSATIONS_MAX = 10_000;
/** Subtrees of a proof that are read at once, with a tile or two for each. */
const PAGE_SUBTREES = 64;

/** The bytes of a bag of the record as it is signed. The log and the record are read while they are taken. */
export async function exportedBag(
  parts: ExportParts,
  { tenant, scope: asked, size: askedSize, reveal, custody }: ExportRequest,
): Promise<AsyncIterable<Uint8Array>> {
  const { size, note, verifierKey } = await noteOf(parts, tenant, askedSize);
  const scope = checkedScope(asked);
  const tree = { tenant, size, scope };
  const entries = () => scopeEntries(parts.record, tree);
  const texts = () => scopeTexts(parts.log, entries());
  const revealed = { texts, values: () => scopeReveals(parts.keys, texts()) };
  const proof = (leaves: readonly number[]) => proofOf(parts, tree, leaves);
  return bagOf({ ...tree, note, verifierKey, custody, entries, proof, ...(reveal && { revealed }) });
}

async function noteOf({ record }: ExportParts, tenant: string, size: number | undefined): Promise<StoredNote> {
  const note = await (size === undefined ? record.lastNote(tenant) : record.noteOf(tenant, size));
  if (note) return note;
  throw new NothingToExport(
    size === undefined
      ? `The tenant ${tenant} has no signed tree`
      : `The tenant ${tenant} has no kept checkpoint of size ${size}`,
  );
}

/** Sorted, so that the same scope makes the same bag. */
function checkedScope(scope: BagScope): BagScope {
  if ('tenant' in scope) return scope;
  const conversations = [...new Set(scope.conversations)].sort();
  if (conversations.length >= 1 && conversations.length <= CONVERSATIONS_MAX) return { conversations };
  throw new NothingToExport(`A bag has 1 to ${CONVERSATIONS_MAX} conversations, or all of a tenant`);
}

/** Each page reads its tiles anew, so that they do not add up. */
async function* proofOf(
  { record }: ExportParts,
  { tenant, size }: ScopeOfTree,
  leaves: readonly number[],
): AsyncGenerator<readonly ProofNode[]> {
  for (const nodes of pagesOf(rangesBesideLeaves(leaves, size))) {
    const hashes = await new TreeHashes(record, tenant).subtrees(nodes.map(({ range }) => range));
    yield nodes.map((node, nth) => ({ ...node, hash: hashes[nth] as (typeof hashes)[number] }));
  }
}

function* pagesOf<T>(items: Iterable<T>): Generator<readonly T[]> {
  let page: T[] = [];
  for (const item of items) {
    page.push(item);
    if (page.length < PAGE_SUBTREES) continue;
    yield page;
    page = [];
  }
  if (page.length > 0) yield page;
}
