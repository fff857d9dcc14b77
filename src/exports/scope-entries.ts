import type { ChainPlace, RecordQueries, StoredEntry } from '../ports/record.js';
import type { BagScope } from './bag/bag.js';

/** An entry, and what it says of its event. */
export interface ChainedEntry extends StoredEntry {
  readonly chain: string;
  readonly kind: string;
}

/** The record has no such conversation below the size of the bag. */
export class NothingToExport extends Error {}

export interface ScopeOfTree {
  readonly tenant: string;
  readonly size: number;
  readonly scope: BagScope;
}

/** The entries of a scope, chain by chain, in pages. Throws NothingToExport at a conversation without any. */
export function scopeEntries(
  record: Pick<RecordQueries, 'chained'>,
  { tenant, size, scope }: ScopeOfTree,
): AsyncGenerator<readonly ChainedEntry[]> {
  const pageAfter = async (after: ChainPlace) => {
    return (await record.chained(tenant, after, size, PAGE_ENTRIES)).map(chainedEntry);
  };
  return 'tenant' in scope ? allChains(pageAfter) : someChains(pageAfter, scope.conversations);
}

/** At most a megabyte. */
const PAGE_ENTRIES = 500;

type PageAfter = (after: ChainPlace) => Promise<readonly ChainedEntry[]>;

async function* allChains(pageAfter: PageAfter): AsyncGenerator<readonly ChainedEntry[]> {
  let page = await pageAfter({ chain: '', index: -1 });
  while (page.length > 0) {
    yield page;
    page = await pageAfter(page.at(-1) as ChainedEntry);
  }
}

async function* someChains(
  pageAfter: PageAfter,
  conversations: readonly string[],
): AsyncGenerator<readonly ChainedEntry[]> {
  for (const conversation of conversations) {
    const name = `conversation-${conversation}`;
    let after: ChainPlace | undefined = { chain: name, index: -1 };
    while (after) {
      const page = await pageAfter(after);
      const ofChain = page.filter(({ chain }) => chain === name);
      if (ofChain.length === 0 && after.index < 0) {
        throw new NothingToExport(`The record has no entry of the conversation ${conversation}`);
      }
      if (ofChain.length > 0) yield ofChain;
      after = ofChain.length === PAGE_ENTRIES ? ofChain.at(-1) : undefined;
    }
  }
}

function chainedEntry(entry: StoredEntry): ChainedEntry {
  const { chain, kind } = JSON.parse(entry.leaf);
  return { ...entry, chain, kind };
}
