import { canonicalJson } from '../../formats/record-1/canonical-json.js';
import { base64, type Hash } from '../../formats/record-1/hashes.js';
import type { NamedRange } from '../../formats/record-1/proofs.js';
import { storedZip, type WrittenFile, type ZippedFile } from './stored-zip.js';
import { type BagText, textLine } from './text-line.js';

/** Whole conversations, or everything of the tenant. */
export type BagScope = { readonly conversations: readonly string[] } | { readonly tenant: true };

export interface BagEntry {
  readonly index: number;
  readonly chain: string;
  /** The entry. */
  readonly leaf: string;
}

export interface ProofNode extends NamedRange {
  readonly hash: Hash;
}

/** What a bag says of its making: the claim of the operator. */
export interface Custody {
  /** ISO 8601 in UTC with milliseconds. */
  readonly at: string;
  readonly by: string;
  readonly reason: string;
}

/** What a bag contains. Each part is read when the bag comes to it, page by page, so the bag needs as much memory as a page. */
export interface BagContents {
  readonly tenant: string;
  readonly size: number;
  readonly scope: BagScope;
  readonly note: string;
  readonly verifierKey: string;
  readonly custody: Custody;
  /** Chain by chain in the order of their names, each from its first entry to the last below the size. */
  entries(): AsyncIterable<readonly BagEntry[]>;
  /** Absent: the bag has entries alone. */
  readonly revealed?: {
    /** In the order of the entries, with all events of each tape. */
    texts(): AsyncIterable<readonly BagText[]>;
    /** The lines that reveal protected values, in the order of the texts, as far as there are keys. */
    values(): AsyncIterable<readonly string[]>;
  };
  /** The subtrees that prove these leaves, from left to right. */
  proof(leaves: readonly number[]): AsyncIterable<readonly ProofNode[]>;
}

/** Characters that are joined before they are hashed and written. */
const CHUNK_CHARACTERS_MIN = 64 * 1024;
const BAGIT = 'BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n';

/** The bytes of a bag, in pieces. docs/record-format.md says what is in each file. */
export function bagOf(contents: BagContents): AsyncGenerator<Uint8Array> {
  const written = new Map<string, WrittenFile>();
  const top = `${contents.tenant}-${contents.size}/`;
  return storedZip(filesOf(contents, top, written), (file) => {
    const path = file.path.slice(top.length);
    written.set(path, { ...file, path });
  });
}

async function* filesOf(
  contents: BagContents,
  top: string,
  written: ReadonlyMap<string, WrittenFile>,
): AsyncGenerator<ZippedFile> {
  const { custody, revealed } = contents;
  const tally = new LineCounts();
  const file = (path: string, content: AsyncIterable<string>) => ({ path: top + path, content: chunksOf(content) });
  const tagFiles = ['bagit.txt', 'bag-info.txt', 'custody.json', 'manifest-sha256.txt'];
  const manifestOf = (paths: readonly string[]) =>
    paths.map((path) => `${written.get(path)?.sha256}  ${path}\n`).join('');

  yield file('bagit.txt', once(BAGIT));
  yield file('data/scope.json', once(scopeText(contents)));
  yield file('data/checkpoint.txt', once(contents.note));
  yield file('data/vkey.txt', once(`${contents.verifierKey}\n`));
  yield file('data/entries.txt', tally.entries(contents));
  if (revealed) {
    yield file('data/texts.jsonl', tally.texts(revealed.texts()));
    yield file('data/reveals.jsonl', tally.reveals(revealed));
  }
  yield file('data/proof.txt', proofText('tenant' in contents.scope ? [] : tally.heads, contents));
  const data = [...written.values()].filter(({ path }) => path.startsWith('data/'));
  yield file('bag-info.txt', once(bagInfo(custody, data)));
  yield file('custody.json', once(`${canonicalJson({ ...custody, counts: tally.counts, v: 1 })}\n`));
  yield file('manifest-sha256.txt', once(manifestOf(data.map(({ path }) => path))));
  yield file('tagmanifest-sha256.txt', once(manifestOf(tagFiles)));
}

const scopeText = ({ tenant, size, scope, revealed }: BagContents): string =>
  `${canonicalJson({ reveal: revealed !== undefined, scope, size, tenant, v: 1 })}\n`;

function bagInfo({ at }: Custody, data: readonly WrittenFile[]): string {
  const octets = data.reduce((sum, { bytes }) => sum + bytes, 0);
  return [
    'Bag-Software-Agent: verbatim',
    `Bagging-Date: ${at.slice(0, 'yyyy-mm-dd'.length)}`,
    `Payload-Oxum: ${octets}.${data.length}`,
    '',
  ].join('\n');
}

async function* proofText(leaves: readonly number[], { proof }: BagContents): AsyncGenerator<string> {
  if (leaves.length === 0) return;
  for await (const nodes of proof(leaves.toSorted((one, other) => one - other))) {
    yield nodes.map(({ level, index, hash }) => `${level} ${index} ${base64(hash)}\n`).join('');
  }
}

/** Counts what it writes. */
class LineCounts {
  /** The index of the last entry of each chain. */
  readonly heads: number[] = [];
  private readonly lines = { chains: 0, entries: 0, texts: 0, reveals: 0 };
  private values = 0;

  get counts() {
    return { ...this.lines, unrevealed: this.values - this.lines.reveals };
  }

  async *entries({ entries, scope }: BagContents): AsyncGenerator<string> {
    const isProven = 'tenant' in scope;
    let before: BagEntry | undefined;
    for await (const page of entries()) {
      const lines: string[] = [];
      for (const entry of page) {
        if (before) lines.push(this.entry(before, before.chain !== entry.chain, isProven));
        before = entry;
      }
      yield lines.join('');
    }
    if (before) yield this.entry(before, true, isProven);
  }

  /** Without its index, unless the proof covers it: nothing else commits to that. */
  private entry({ index, leaf }: BagEntry, isLast: boolean, isProven: boolean): string {
    this.lines.entries++;
    if (isLast) {
      this.lines.chains++;
      this.heads.push(index);
    }
    return isLast || isProven ? `${index} ${leaf}\n` : `${leaf}\n`;
  }

  async *texts(pages: AsyncIterable<readonly BagText[]>): AsyncGenerator<string> {
    for await (const page of pages) {
      const lines = page.map(textLine);
      for (const { values } of lines) this.values += values;
      this.lines.texts += lines.length;
      yield lines.map(({ line }) => line).join('');
    }
  }

  /** After the texts. They are read again only if they have protected values. */
  async *reveals({ values }: NonNullable<BagContents['revealed']>): AsyncGenerator<string> {
    if (this.values === 0) return;
    for await (const page of values()) {
      this.lines.reveals += page.length;
      yield page.map((line) => `${line}\n`).join('');
    }
  }
}

async function* once(text: string): AsyncGenerator<string> {
  yield text;
}

/** Joins short texts: each chunk is hashed and written on its own. */
async function* chunksOf(texts: AsyncIterable<string>): AsyncGenerator<Uint8Array> {
  let waiting: string[] = [];
  let characters = 0;
  for await (const text of texts) {
    waiting.push(text);
    characters += text.length;
    if (characters < CHUNK_CHARACTERS_MIN) continue;
    yield Buffer.from(waiting.join(''), 'utf8');
    waiting = [];
    characters = 0;
  }
  if (characters > 0) yield Buffer.from(waiting.join(''), 'utf8');
}
