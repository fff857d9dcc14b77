import { type BagFile, openBag } from './bag-zip.js';
import { areEqual, type ByteSource, type VerifierCrypto } from './bytes.js';
import { type EntryLine, entryLine, placeOf } from './entry.js';
import { type Findings, Unreadable } from './findings.js';
import { Lines } from './lines.js';
import { textOf } from './manifests.js';
import type { AllLeaves } from './merkle.js';
import { Note, type SignedRoot } from './note.js';
import { type CoveredScope, scopeIn } from './scope.js';

export interface PresentBag {
  readonly files: readonly BagFile[];
  readonly scope: CoveredScope;
  readonly tree: SignedRoot;
  /** With the scope of a tenant. */
  readonly leaves: AllLeaves | undefined;
}

const PREVIOUS = 'the previous bag';

/** Whether everything that an earlier bag has of the scope is in this one too. The earlier bag is verified by itself. */
export async function compareWithPrevious(
  zip: ByteSource,
  present: PresentBag,
  crypto: VerifierCrypto,
  findings: Findings,
): Promise<void> {
  const before = await previousBag(zip);
  const { tree, leaves } = present;
  if (before.tree.origin !== tree.origin) {
    return findings.mistake(PREVIOUS, `is of another record, ${before.tree.origin}`);
  }
  if (before.tree.size > tree.size)
    return findings.mistake(PREVIOUS, `is of a larger tree, of ${before.tree.size} entries`);
  const hasSameRoot =
    before.tree.size === tree.size
      ? areEqual(before.tree.root, tree.root)
      : leaves === undefined || areEqual(before.tree.root, leaves.root(crypto, before.tree.size));
  findings.unless(hasSameRoot, PREVIOUS, 'is of a tree that the tree of this bag does not continue');
  await compareEntries(before.files, present, findings);
}

async function previousBag(zip: ByteSource): Promise<Omit<PresentBag, 'leaves'>> {
  try {
    const { files } = await openBag(zip);
    const note = Note.parse(await textOf(files, 'data/checkpoint.txt'));
    if (!note) throw new Unreadable('data/checkpoint.txt', 'is no signed checkpoint');
    return { files, scope: scopeIn(await textOf(files, 'data/scope.json')), tree: note.tree };
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    throw new Unreadable(PREVIOUS, `${error.place} ${error.message}`);
  }
}

/** Both have their entries by chain and number. A chain that this bag does not have is outside its scope. */
async function compareEntries(
  before: readonly BagFile[],
  { files, scope }: PresentBag,
  findings: Findings,
): Promise<void> {
  const covered = scope.conversations && new Set(scope.conversations.map((id) => `conversation-${id}`));
  const present = entriesOf(files);
  let next = await present.next();
  for await (const old of entriesOf(before)) {
    if (covered && !covered.has(old.entry.chain)) continue;
    while (!next.done && isBefore(next.value, old)) next = await present.next();
    if (!next.done && next.value.text === old.text) continue;
    return findings.mistake(placeOf(old.entry), `is in ${PREVIOUS}, and not in this one`);
  }
}

const isBefore = (one: EntryLine, other: EntryLine): boolean =>
  one.entry.chain < other.entry.chain || (one.entry.chain === other.entry.chain && one.entry.n < other.entry.n);

async function* entriesOf(files: readonly BagFile[]): AsyncGenerator<EntryLine, undefined> {
  const file = files.find(({ path }) => path === 'data/entries.txt') as BagFile;
  const lines = new Lines(file.path, file.content);
  for (let line = await lines.next(); line !== undefined; line = await lines.next()) {
    const read = entryLine(line);
    if (typeof read === 'object') yield read;
  }
}
