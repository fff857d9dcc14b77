import { type BagFile, openBag } from './bag-zip.js';
import { type ByteSource, base64Bytes, HASH_BYTES, type VerifierCrypto } from './bytes.js';
import { Chains } from './chains.js';
import { compareWithPrevious } from './compare-with-previous.js';
import { checkCustody } from './custody.js';
import { entryLine } from './entry.js';
import { EntryTexts } from './entry-texts.js';
import { type Finding, Findings, Unreadable } from './findings.js';
import { Lines } from './lines.js';
import { bagInfoOf, checkManifests, textOf } from './manifests.js';
import type { ProofLine } from './merkle.js';
import { NotAKey, Note, type SignedRoot } from './note.js';
import { PromptWork } from './prompt-body.js';
import { Reveals } from './reveals.js';
import { type CoveredScope, scopeIn } from './scope.js';

export interface BagQuestion {
  readonly bag: ByteSource;
  /** The key of the log, from another source than the bag. */
  readonly verifierKey?: string | undefined;
  /** Each of them must have cosigned the note. */
  readonly witnesses?: readonly string[];
  /** An earlier bag of the same record, of which nothing may be missing in this one. */
  readonly previous?: ByteSource | undefined;
}

/** What a bag covers and contains, as far as it could be read. */
export interface BagFacts {
  readonly origin: string;
  readonly size: number;
  readonly tenant: string;
  /** Null: everything of the tenant. */
  readonly conversations: readonly string[] | null;
  readonly chains: number;
  readonly entries: number;
  /** Null: the bag has entries alone. */
  readonly texts: {
    readonly events: number;
    readonly answers: number;
    readonly prompts: number;
    readonly hiddenPrompts: number;
    readonly revealed: number;
    readonly unrevealed: number;
  } | null;
}

export interface BagVerdict {
  readonly isIntact: boolean;
  /** In the order in which they were found. */
  readonly mistakes: readonly Finding[];
  readonly remarks: readonly Finding[];
  /** Null if the bag could not be read so far. */
  readonly facts: BagFacts | null;
}

/** An entry has more bytes: so a tree of a tenant has fewer leaves than its entries have multiples of it. */
const ENTRY_BYTES_MIN = 200;
/** An author who knows the tree can prove an earlier entry of a chain as its last one. */
const OPEN_ENDS =
  'it proves each chain up to its last entry here, and not that the chain ends there: compare it with an earlier bag ' +
  '(--previous), with a bag of the whole tenant, or with a proof of completeness';
const PROOF = 'data/proof.txt';
const VKEY = 'data/vkey.txt';
const NOTE = 'data/checkpoint.txt';

/** Verifies a bag without a connection to anything. Throws NotAKey for a key of the question that is none. */
export async function verifyBag(question: BagQuestion, crypto: VerifierCrypto): Promise<BagVerdict> {
  const findings = new Findings();
  let facts: BagFacts | null = null;
  try {
    facts = await new BagVerification(question, crypto, findings).run();
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    findings.mistake(error.place, error.message);
  }
  const { mistakes, remarks } = findings;
  return { isIntact: mistakes.length === 0, mistakes, remarks, facts };
}

class BagVerification {
  constructor(
    private readonly question: BagQuestion,
    private readonly crypto: VerifierCrypto,
    private readonly findings: Findings,
  ) {}

  async run(): Promise<BagFacts> {
    const { findings, crypto } = this;
    const { top, files } = await openBag(this.question.bag);
    await checkManifests(files, crypto, findings);
    const scope = scopeIn(await textOf(files, 'data/scope.json'));
    findings.unless(top === `${scope.tenant}-${scope.size}`, 'the zip file', `has the top directory ${top}`);
    const tree = await this.signedRoot(files, scope);
    requirePossible(files, scope);
    const chains = new Chains(scope, crypto, findings);
    const texts = await this.walk(files, chains);
    chains.finish(tree.root, await this.proofIn(files));
    if (scope.conversations) findings.remark('data/entries.txt', OPEN_ENDS);
    const counts = {
      ...{ chains: chains.chains, entries: chains.entries, texts: texts?.events ?? 0 },
      ...{ reveals: texts?.revealed ?? 0, unrevealed: texts?.unrevealed ?? 0 },
    };
    const at = checkCustody(await textOf(files, 'custody.json'), counts, findings);
    const info = await textOf(files, 'bag-info.txt');
    findings.unless(info === bagInfoOf(files, at), 'bag-info.txt', 'has other lines than the format says');
    const { previous } = this.question;
    if (previous) await compareWithPrevious(previous, { files, scope, tree, leaves: chains.all }, crypto, findings);
    const { tenant, size, conversations = null } = scope;
    const { origin } = tree;
    return { origin, size, tenant, conversations, chains: chains.chains, entries: chains.entries, texts };
  }

  private async signedRoot(files: readonly BagFile[], { tenant, size }: CoveredScope): Promise<SignedRoot> {
    const { findings, crypto } = this;
    const { verifierKey, witnesses = [] } = this.question;
    const note = Note.parse(await textOf(files, NOTE));
    if (!note) throw new Unreadable(NOTE, 'is no signed checkpoint');
    const { tree } = note;
    findings.unless(tree.size === size, NOTE, `is of ${tree.size} entries, and the bag of ${size}`);
    findings.unless(/^verbatim\/[^/]+\/[^/]+$/.test(tree.origin), NOTE, `has the origin ${tree.origin}`);
    findings.unless(tree.origin.endsWith(`/${tenant}`), NOTE, `is of ${tree.origin}, and the bag of ${tenant}`);
    const hint = (await textOf(files, VKEY)).replace(/\n$/, '');
    const isOfHint = await note.isSignedBy(hint, crypto).catch(notAKey);
    findings.unless(isOfHint, verifierKey === undefined ? NOTE : VKEY, `the note is not signed by the key in ${VKEY}`);
    if (verifierKey !== undefined) {
      findings.unless(await note.isSignedBy(verifierKey, crypto), NOTE, 'it is not signed by the given key');
      if (hint !== verifierKey) findings.remark(VKEY, 'its key is not the given one, and proves nothing');
    } else {
      findings.remark(
        VKEY,
        'its key came with the bag: give the key of the log with --vkey to prove where the bag is from',
      );
    }
    for (const witness of witnesses) {
      const [name] = witness.split('+');
      findings.unless(await note.isCosignedBy(witness, crypto), NOTE, `it is not cosigned by the witness ${name}`);
    }
    const key = verifierKey ?? (isOfHint ? hint : undefined);
    const others = key === undefined ? [] : await note.signersBeside(key, witnesses, crypto);
    for (const name of others) findings.remark(NOTE, `has a signature in the name ${name} that no given key verifies`);
    return tree;
  }

  /** Reads entries, texts and revealed values beside each other. */
  private async walk(files: readonly BagFile[], chains: Chains): Promise<BagFacts['texts']> {
    const { findings, crypto } = this;
    const entries = linesOf(files, 'data/entries.txt') as Lines;
    const [textLines, revealLines] = [linesOf(files, 'data/texts.jsonl'), linesOf(files, 'data/reveals.jsonl')];
    const reveals = revealLines && new Reveals(revealLines, crypto, findings);
    const work = new PromptWork(this.question.bag.size);
    const texts = textLines && reveals && new EntryTexts(textLines, reveals, crypto, findings, work);
    for (let line = await entries.next(); line !== undefined; line = await entries.next()) {
      const read = entryLine(line);
      if (typeof read === 'string') {
        findings.mistake(`line ${entries.number - 1} of ${entries.path}`, read);
        continue;
      }
      const isFirst = chains.add(read);
      await texts?.read(read, isFirst);
    }
    await texts?.finish();
    await reveals?.finish();
    if (!texts || !reveals) return null;
    const { revealed, unrevealed } = reveals;
    return { events: texts.lines, ...texts.counts, revealed, unrevealed };
  }

  private async proofIn(files: readonly BagFile[]): Promise<readonly ProofLine[]> {
    const lines = linesOf(files, PROOF) as Lines;
    const proof: ProofLine[] = [];
    for (let line = await lines.next(); line !== undefined; line = await lines.next()) {
      const [, level, index, encoded] = /^(0|[1-9]\d?) (0|[1-9]\d{0,15}) (\S+)$/.exec(line) ?? [];
      const hash = base64Bytes(encoded, HASH_BYTES);
      if (!hash) throw new Unreadable(PROOF, `line ${lines.number - 1} has no level, index and hash`);
      proof.push({ level: Number(level), index: Number(index), hash });
    }
    return proof;
  }
}

function linesOf(files: readonly BagFile[], path: string): Lines | undefined {
  const file = files.find((each) => each.path === path);
  return file && new Lines(path, file.content);
}

function requirePossible(files: readonly BagFile[], { size, conversations, reveal }: CoveredScope): void {
  const entries = files.find(({ path }) => path === 'data/entries.txt');
  if (conversations === undefined && size * ENTRY_BYTES_MIN > (entries?.content.size ?? 0)) {
    throw new Unreadable('data/entries.txt', `is too short for a tree of ${size} entries`);
  }
  if (reveal !== files.some(({ path }) => path === 'data/texts.jsonl')) {
    throw new Unreadable('data/scope.json', 'says of the texts another thing than the bag has');
  }
}

function notAKey(error: unknown): false {
  if (error instanceof NotAKey) return false;
  throw error;
}
