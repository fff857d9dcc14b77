import { base64, type VerifierCrypto } from './bytes.js';
import { type EntryLine, isOfConversation, isTapeStream, placeOf } from './entry.js';
import type { Findings } from './findings.js';
import { AllLeaves, leafHash, type ProofLine, rootOf } from './merkle.js';
import type { CoveredScope } from './scope.js';

const ENTRIES = 'data/entries.txt';

interface OpenChain {
  readonly name: string;
  next: number;
  lastIndex: number;
  lastPlace: string;
  /** The leaf hash of the entry before, as base64. */
  before: string | null;
  /** By stream, the revision that comes next. */
  readonly revisions: Map<string, number>;
}

interface OwnedChain {
  readonly leaf: string;
  readonly oprev: string | null;
  readonly place: string;
}

/** The entries of a bag as they come, chain by chain. */
export class Chains {
  chains = 0;
  entries = 0;
  private open: OpenChain | undefined;
  private readonly heads = new Map<number, { readonly hash: Uint8Array; readonly place: string }>();
  private readonly owners = new Map<string, Map<number, OwnedChain>>();
  /** With the scope of a tenant. */
  readonly all: AllLeaves | undefined;
  private readonly left: string[];

  constructor(
    private readonly scope: CoveredScope,
    private readonly crypto: VerifierCrypto,
    private readonly findings: Findings,
  ) {
    this.all = scope.conversations === undefined ? new AllLeaves(scope.size) : undefined;
    this.left = scope.conversations?.map((id) => `conversation-${id}`) ?? [];
  }

  /** Whether the entry is the first of its chain. */
  add({ index, text, entry }: EntryLine): boolean {
    const { findings } = this;
    const place = placeOf(entry);
    const isFirst = this.open?.name !== entry.chain;
    if (isFirst) this.begin(entry.chain, place);
    const chain = this.open as OpenChain;
    this.entries++;
    findings.unless(entry.tenant === this.scope.tenant, place, `is of the tenant ${entry.tenant}`);
    this.compareIndex(chain, index, place);
    if (entry.n !== chain.next) {
      const why = entry.n < chain.next ? 'is there twice, or is out of order' : `lacks entry ${chain.next} before it`;
      findings.mistake(place, `${why} in the chain ${chain.name}`);
    } else if (entry.prev !== chain.before) {
      findings.mistake(chain.lastPlace, `the entry after it, ${place}, commits to another one`);
    }
    const hash = leafHash(this.crypto, text);
    this.follow(chain, entry, place);
    this.own(entry, base64(hash), place);
    if (this.all && index !== undefined && index < this.scope.size) {
      findings.unless(this.all.add(index, hash), place, 'another entry has the same index');
    }
    chain.next = entry.n + 1;
    chain.before = base64(hash);
    chain.lastPlace = place;
    this.head = { index, hash, place };
    return isFirst;
  }

  private compareIndex(chain: OpenChain, index: number | undefined, place: string): void {
    const { findings, head } = this;
    if (this.all) findings.unless(index !== undefined, place, 'has no index, although all leaves are there');
    else if (head) {
      findings.unless(head.index === undefined, head.place, 'has an index, and is not the last entry of its chain');
    }
    if (index === undefined) return;
    findings.unless(index < this.scope.size, place, 'is not in the tree of the bag');
    findings.unless(index > chain.lastIndex, place, 'is not behind the entry before it in the tree');
    chain.lastIndex = index;
  }

  private head: { readonly index: number | undefined; readonly hash: Uint8Array; readonly place: string } | undefined;

  private begin(name: string, place: string): void {
    const { findings } = this;
    if (this.open && name <= this.open.name)
      findings.mistake(place, `the chain ${name} is there twice, or out of order`);
    if (!this.all) {
      while (this.left.length > 0 && (this.left[0] as string) < name) this.lack(this.left.shift() as string);
      if (this.left[0] === name) this.left.shift();
      else findings.mistake(place, `the chain ${name} is not in the scope of the bag`);
    }
    this.close();
    this.chains++;
    this.open = { name, next: 0, lastIndex: -1, lastPlace: place, before: null, revisions: new Map() };
  }

  private lack(chain: string): void {
    this.findings.mistake(ENTRIES, `lacks the chain ${chain}, which is in the scope of the bag`);
  }

  private close(): void {
    const { head } = this;
    this.head = undefined;
    if (!head || this.all) return;
    if (head.index === undefined) {
      this.findings.mistake(head.place, 'is the last entry of its chain, and has no index');
      return;
    }
    // Of two with one index, the proof would prove only one.
    this.findings.unless(!this.heads.has(head.index), head.place, 'another chain ends at the same index');
    this.heads.set(head.index, head);
  }

  private follow({ name, revisions }: OpenChain, entry: EntryLine['entry'], place: string): void {
    const { stream, rev, kind, type } = entry;
    const next = revisions.get(stream) ?? 0;
    const isNext = kind === 'tape' ? next === 0 : rev === next;
    if (!isNext && kind === 'event' && next === 0 && isTapeStream(stream)) {
      this.findings.mistake(place, 'is of a tape that has no entry before it');
    } else if (!isNext) {
      const why = rev < next ? `has revision ${next - 1} of it before` : `lacks revision ${next} of it before`;
      this.findings.mistake(place, `the chain ${name} ${why}`);
    } else if (isTapeStream(stream) && kind === 'event') {
      this.findings.remark(place, `a fault of the log: an event (${type}) follows the seal of its tape`);
    }
    if (rev >= next) revisions.set(stream, rev + 1);
  }

  private own({ owner, on, oprev, chain }: EntryLine['entry'], leaf: string, place: string): void {
    if (on === undefined || owner === null || !isOfConversation(chain)) return;
    const owned = this.owners.get(owner) ?? new Map<number, OwnedChain>();
    this.owners.set(owner, owned);
    this.findings.unless(!owned.has(on), place, `its owner has another conversation number ${on}`);
    owned.set(on, { leaf, oprev: oprev ?? null, place });
  }

  /** After the last entry. */
  finish(root: Uint8Array, proof: readonly ProofLine[]): void {
    this.close();
    for (const chain of this.left) this.lack(chain);
    this.checkOwners();
    if (!this.all) {
      this.checkHeads(root, proof);
      return;
    }
    this.checkAll(this.all, root);
    this.findings.unless(proof.length === 0, 'data/proof.txt', 'is not empty, although all leaves are there');
  }

  private checkAll(all: AllLeaves, root: Uint8Array): void {
    const missing = all.firstMissing();
    if (missing !== undefined) {
      this.findings.mistake(ENTRIES, `lacks entry ${missing} of the tree`);
      return;
    }
    const isSigned = base64(all.root(this.crypto)) === base64(root);
    this.findings.unless(isSigned, ENTRIES, 'its entries do not lead to the signed root: at least one is another');
  }

  private checkHeads(root: Uint8Array, proof: readonly ProofLine[]): void {
    const indices = [...this.heads.keys()].sort((one, other) => one - other);
    const heads = indices.map((index) => this.heads.get(index) as { hash: Uint8Array; place: string });
    const found = rootOf(this.crypto, this.scope.size, { indices, hashes: heads.map(({ hash }) => hash) }, proof);
    if (found && base64(found) === base64(root)) return;
    const [only, ...others] = heads;
    const place = only && others.length === 0 ? only.place : 'the last entries of the chains';
    this.findings.mistake(place, 'with data/proof.txt it does not lead to the signed root: one of them is another');
  }

  private checkOwners(): void {
    for (const [owner, owned] of this.owners) {
      for (const [on, { oprev, place }] of owned) {
        const before = owned.get(on - 1);
        const isRight = on === 0 ? oprev === null : before === undefined || oprev === before.leaf;
        this.findings.unless(isRight, place, 'names another conversation of its owner before it than there is');
        const isMissing = on > 0 && before === undefined && this.all !== undefined;
        this.findings.unless(!isMissing, place, `conversation ${on - 1} of the owner ${owner} is missing`);
      }
    }
  }
}
