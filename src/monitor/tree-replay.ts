import { type Census, type CountedChain, censusOf, chainWith } from '../formats/record-1/census.js';
import { Frontier } from '../formats/record-1/frontier.js';
import { base64, type Hash, leafHash } from '../formats/record-1/hashes.js';
import { CONVERSATION, NotAnEntry, type ReadEntry, readEntry, TAPE } from './read-entry.js';

/** What the record says of itself is contradicted. The message names the first entry that is wrong, or the signed tree. */
export class RecordWrong extends Error {}

export const CENSUS_TAKEN = 'CensusTaken';

interface OwnerEnd {
  readonly next: number;
  readonly hash: Hash;
}

/**
 * Replays the entries of one tenant in the order of their indexes, and checks each one against those before it. It holds the end
 * of each chain, of each stream and of each owner, and the right edge of the tree: never the entries.
 */
export class TreeReplay {
  private readonly tree = new Frontier();
  private readonly chains = new Map<string, CountedChain>();
  private readonly owners = new Map<string, OwnerEnd>();
  /** The last revision of each stream that has an entry. */
  private readonly streams = new Map<string, number>();

  /** The index of the last entry of a census. */
  lastCensus: number | undefined;

  constructor(private readonly tenant: string) {}

  get size(): number {
    return this.tree.size;
  }

  get chainCount(): number {
    return this.chains.size;
  }

  root(): Hash {
    return this.tree.root();
  }

  /** The census over the entries so far. */
  census(): Census {
    return censusOf(this.size, this.chains.values());
  }

  /** Throws RecordWrong, and must not be continued then. */
  add(text: string): ReadEntry {
    const entry = this.read(text);
    const hash = leafHash(text);
    const problem = this.ofChain(entry) ?? this.ofStream(entry) ?? this.ofOwner(entry);
    if (problem) throw this.wrong(`(event ${entry.rev} of ${entry.stream}): ${problem}`);
    this.chains.set(entry.chain, chainWith(this.chains.get(entry.chain), entry, hash));
    this.streams.set(entry.stream, entry.rev);
    if (entry.on !== undefined) this.owners.set(entry.owner as string, { next: entry.on + 1, hash });
    if (entry.type === CENSUS_TAKEN && entry.stream === `compliance-${this.tenant}`) this.lastCensus = this.size;
    this.tree.add(hash);
    return entry;
  }

  /** For what only a reader of more than the entry can find, such as the events of a tape. */
  wrong(problem: string): RecordWrong {
    return new RecordWrong(`entry ${this.size} ${problem}`);
  }

  private read(text: string): ReadEntry {
    try {
      return readEntry(text);
    } catch (error) {
      if (!(error instanceof NotAnEntry)) throw error;
      throw this.wrong(`is no entry of this format: ${error.message}`);
    }
  }

  private ofChain({ chain, n, prev, stream, tenant, owner }: ReadEntry): string | undefined {
    if (tenant !== this.tenant) return `it is of tenant ${tenant}`;
    if (chain !== stream && !chain.startsWith(CONVERSATION)) return `its chain ${chain} is no chain of its stream`;
    const before = this.chains.get(chain);
    const next = before ? before.n + 1 : 0;
    if (n !== next) return `its n is ${n}, and chain ${chain} continues with ${next}`;
    const head = before ? base64(before.head) : null;
    if (prev !== head) return `its prev is not the leaf hash of the entry before it in chain ${chain}`;
    // Entries that were made before protection began have no owner.
    if (before?.owner && owner !== null && owner !== before.owner) return `chain ${chain} has another owner`;
    return undefined;
  }

  private ofStream({ kind, stream, rev, events }: ReadEntry): string | undefined {
    const before = this.streams.get(stream);
    if (kind === 'tape') {
      if (!stream.startsWith(TAPE)) return 'it is the entry of a tape, and its stream is none';
      if (before !== undefined) return 'its tape has an entry already';
      return events === rev + 1 ? undefined : `its tape has ${events} events up to revision ${rev}`;
    }
    const next = before === undefined ? 0 : before + 1;
    if (before === undefined && stream.startsWith(TAPE)) return 'it is an event of a tape that has no entry';
    return rev === next ? undefined : `the stream continues with revision ${next}`;
  }

  private ofOwner({ on, oprev, owner }: ReadEntry): string | undefined {
    if (on === undefined) return undefined;
    const before = this.owners.get(owner as string);
    const next = before?.next ?? 0;
    if (on !== next) return `its on is ${on}, and the conversations of its owner continue with ${next}`;
    if (oprev === (before ? base64(before.hash) : null)) return undefined;
    return 'its oprev is not the leaf hash of the first entry of its owner’s conversation before it';
  }
}
