import { complianceStream } from '../events/compliance-events.js';
import {
  type BlindLeaf,
  blindLeaf,
  censusLeaf,
  censusLeafHash,
  chainKey,
  hasPrefix,
  ownerKey,
} from '../formats/record-1/census.js';
import { base64 } from '../formats/record-1/hashes.js';
import { rangesBeside } from '../formats/record-1/range-proof.js';
import type { BuiltCensus, CensusQueries, StoredCensusChain } from '../ports/census.js';
import { LogUnavailable } from '../ports/errors.js';
import type { EventLog } from '../ports/event-log.js';
import type { RecordQueries } from '../ports/record.js';
import { recordLimits } from '../record-limits.js';
import { NotInRecord, NotRecordedYet } from './record-reader.js';
import { RecordIncomplete, TreeHashes } from './tree-hashes.js';

/** No chain of the census has an owner, so a proof that an owner has no chain would say nothing about conversations. */
export class OwnersNotRecorded extends Error {}

/** The last census, with the stored texts of its event, whose hash the entry has. */
export interface ShownCensus {
  readonly size: number;
  readonly count: number;
  readonly root: string;
  /** Of the entry of `CensusTaken`. */
  readonly index: number;
  readonly data: string;
  readonly meta: string;
}

/** A leaf of a chain that was not asked for. */
export interface ShownNeighbour {
  readonly key: string;
  readonly text: string;
}

export interface CompletenessProof extends Pick<ShownCensus, 'size' | 'count' | 'root' | 'index'> {
  /** The place of the first chain, or the one that it would have. */
  readonly from: number;
  /** The leaves of the chains, as texts. */
  readonly chains: readonly string[];
  readonly before: ShownNeighbour | null;
  readonly after: ShownNeighbour | null;
  readonly path: readonly string[];
  /** Where the next part begins. Null: this is the last one. */
  readonly next: number | null;
}

/** Of whom the chains are asked for: of an owner, one conversation, or all of the tenant. */
export type AskedChains = { readonly owner: string } | { readonly conversation: string } | 'all';

export interface CensusReaderParts {
  readonly census: CensusQueries;
  readonly record: Pick<RecordQueries, 'lastNote' | 'entryOfEvent'>;
  readonly log: Pick<EventLog, 'readStream'>;
}

interface SignedCensus extends BuiltCensus {
  readonly index: number;
  readonly revision: number;
}

/** Answers questions about the last census of a tenant whose event is in a signed tree. */
export class CensusReader {
  constructor(private readonly parts: CensusReaderParts) {}

  async last(tenant: string): Promise<ShownCensus> {
    const { size, count, root, index, revision } = await this.signed(tenant);
    const stream = complianceStream(tenant);
    for await (const [event] of this.parts.log.readStream(stream, { from: revision, eventsMax: 1 })) {
      if (event) return { size, count, root: base64(root), index, data: event.data, meta: event.meta };
    }
    throw new LogUnavailable(`the log lacks event ${revision} of ${stream}`);
  }

  /** A part of at most as many chains as an answer has, from a place on that an earlier part named. */
  async proof(tenant: string, asked: AskedChains, from?: number): Promise<CompletenessProof> {
    const census = await this.signed(tenant);
    const prefix = await this.prefixOf(tenant, asked);
    if (asked !== 'all' && 'owner' in asked) await this.requireOwners(tenant, census.count);
    const range = await this.rangeOf(tenant, prefix, census.count);
    if (from !== undefined && !(from >= range.from && from < range.to)) throw new NotInRecord();
    const first = from ?? range.from;
    const end = Math.min(range.to, first + recordLimits.censusProofChainsMax);
    const [start, stop] = [Math.max(0, first - 1), Math.min(census.count, end + 1)];
    const leaves = start < stop ? await this.parts.census.chainsAt(tenant, start, stop - start) : [];
    const path = start < stop ? await this.pathBeside(tenant, start, stop, census.count) : [];
    const chains = leaves.slice(first - start, end - start);
    if (leaves.length < stop - start || !chains.every(({ key }) => hasPrefix(key, prefix))) throw new Changed();
    // What was read belongs to this census only if no other one was begun meanwhile.
    if ((await this.signed(tenant)).size !== census.size) throw new Changed();
    return {
      ...{ size: census.size, count: census.count, root: base64(census.root), index: census.index },
      ...{ from: first, chains: chains.map(censusLeaf), path },
      before: first > start ? neighbourOf(leaves[0]) : null,
      after: stop > end ? neighbourOf(leaves.at(-1)) : null,
      next: end < range.to ? end : null,
    };
  }

  private async signed(tenant: string): Promise<SignedCensus> {
    const { census, record } = this.parts;
    const state = await census.state(tenant);
    const entry = state?.event === undefined ? undefined : await record.entryOfEvent(tenant, state.event);
    const note = await record.lastNote(tenant);
    if (!state?.built || !entry || !note || entry.index >= note.size) throw new NotRecordedYet();
    return { ...state.built, index: entry.index, revision: entry.revision };
  }

  private async prefixOf(tenant: string, asked: AskedChains): Promise<Buffer> {
    if (asked === 'all') return Buffer.alloc(0);
    if ('owner' in asked) return ownerKey(asked.owner);
    const chain = await this.parts.census.chain(tenant, `conversation-${asked.conversation}`);
    if (!chain) throw new NotInRecord();
    return chainKey(chain);
  }

  /** Entries of events from before protection have no owner. */
  private async requireOwners(tenant: string, count: number): Promise<void> {
    const { from, to } = await this.rangeOf(tenant, ownerKey(null), count);
    if (to - from === count) throw new OwnersNotRecorded();
  }

  private async rangeOf(tenant: string, prefix: Buffer, count: number): Promise<{ from: number; to: number }> {
    const next = keyAfter(prefix);
    const { census } = this.parts;
    return {
      from: prefix.length === 0 ? 0 : await census.placeOf(tenant, prefix),
      to: next ? await census.placeOf(tenant, next) : count,
    };
  }

  private async pathBeside(tenant: string, from: number, to: number, count: number): Promise<string[]> {
    const { census } = this.parts;
    const hashes = new TreeHashes(
      {
        tile: async (of, tile, width) =>
          tile.level === 0
            ? (await census.chainsAt(of, tile.index * width, width)).map((chain) => censusLeafHash(blindLeaf(chain)))
            : census.tile(of, tile, width),
      },
      tenant,
    );
    return (await hashes.subtrees(rangesBeside({ from, to }, count))).map(base64);
  }
}

class Changed extends RecordIncomplete {
  constructor() {
    super('the next census is being taken');
  }
}

const neighbourOf = (chain: StoredCensusChain | undefined): ShownNeighbour => {
  const { key, text }: BlindLeaf = blindLeaf(chain as StoredCensusChain);
  return { key: base64(key), text: base64(text) };
};

/** The lowest key that is higher than all keys with this prefix. Undefined if there is none. */
function keyAfter(prefix: Buffer): Buffer | undefined {
  const at = prefix.findLastIndex((byte) => byte < 0xff);
  if (at < 0) return undefined;
  const next = Buffer.from(prefix.subarray(0, at + 1));
  next[at] = (next[at] as number) + 1;
  return next;
}
