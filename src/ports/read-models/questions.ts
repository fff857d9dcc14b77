import type { AnyTable } from './table.js';

/** Whose rows may be shown: all of a tenant, or those of one owner in it. */
export interface Scope {
  readonly tenant: string;
  readonly owner?: string | undefined;
}

/** The last row of the page before: rows come newest first. */
export interface PageEnd {
  readonly at: string;
  readonly id: string;
}

/** A page of rows, newest first. */
export interface PageAsked {
  readonly scope: Scope;
  /** Only rows with all these words in one text. Any text is accepted, as in a search box. */
  readonly words?: string | undefined;
  readonly before?: PageEnd | undefined;
  readonly rowsMax: number;
}

/** A read model that says how far it is in each conversation. */
export interface CoveringList {
  readonly name: string;
  /**
   * Its keys are the ids of conversations. The column `seen` counts the events of the ledger that the list shows, and the
   * column `claimed` says whether the list shows that the open generation was claimed. Without it the list shows no claims.
   */
  readonly coverage: AnyTable;
}

/** How far a list is in a conversation. */
export interface Covered {
  /** Events of its ledger that the list shows. */
  readonly seen: number;
  /** The list shows that its open generation was claimed, or shows no claims at all. */
  readonly isClaimed: boolean;
}

/** Like each query, throws RetryableError when the store is away, and ReadModelLost when the tables are gone. */
export interface CoverageQueries {
  /** How far a list is in these conversations. Those that it does not know are left out. */
  covered(list: CoveringList, conversations: readonly string[]): Promise<ReadonlyMap<string, Covered>>;
}
