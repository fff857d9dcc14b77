import type { ConversationRow, HeadRow, NodeRow, RunRow, Sums } from './rows.js';

/** Whose rows may be shown: a tenant's, or within it one user's alone. */
export interface Scope {
  readonly tenant: string;
  readonly owner?: string | undefined;
}

/** The last row of the page before: rows come newest first. */
export interface PageEnd {
  readonly at: string;
  readonly id: string;
}

export interface ConversationsAsked {
  readonly scope: Scope;
  readonly archived: boolean;
  /** Only those in which this was said; as people write into a search box, and never a mistake. */
  readonly words?: string | undefined;
  readonly before?: PageEnd | undefined;
  readonly rowsMax: number;
}

export interface RunsAsked {
  readonly scope: Scope;
  readonly conversation?: string | undefined;
  readonly user?: string | undefined;
  readonly model?: string | undefined;
  readonly status?: RunRow['status'] | undefined;
  /** When it was asked for: from then on, and before then. */
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  /** Said in the question or in the answer. */
  readonly words?: string | undefined;
  readonly before?: PageEnd | undefined;
  readonly rowsMax: number;
}

export interface UsageAsked {
  readonly scope: Scope;
  readonly by: 'day' | 'user' | 'model';
  /** Days: from this one on, and before that one. */
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

export interface UsageSums extends Sums {
  /** The day, the user or the model. */
  readonly of: string | null;
}

export interface TreeAsked {
  readonly conversation: string;
  /** Absent: the selected one. */
  readonly leaf?: string | undefined;
  /** Only nodes that came before this one. */
  readonly before?: string | undefined;
  readonly nodesMax: number;
  /** Of text, but never less than one node. */
  readonly charactersMax: number;
}

/** What can say how far it has come in a conversation. Each is named as its projection. */
export type CoveringList = 'conversations' | 'runs' | 'usage';

/** How far a list has come in a conversation. */
export interface Covered {
  /** Events of its ledger that the list shows. */
  readonly seen: number;
  /** The list shows that its open generation was claimed, or shows no claims at all. */
  readonly isClaimed: boolean;
}

/** A conversation at one moment, all of it from the same one. */
export interface Tree {
  readonly head: HeadRow;
  readonly systemText: string | null;
  /** What was asked for as a leaf, and as a bound; nothing when there is no such node. */
  readonly leaf: NodeRow['kind'] | undefined;
  readonly before: NodeRow['kind'] | undefined;
  /** Ids from the root to the leaf. */
  readonly path: readonly string[];
  /** The newest of those that were asked for, oldest first. */
  readonly nodes: readonly NodeRow[];
  readonly more: boolean;
}

/**
 * What people ask of the read models. Throws RetryableError when the store is away, ReadModelLost when the tables are
 * gone. Anything that can stand in a text may stand in what is asked.
 */
export interface Views {
  /** Whose conversation it is, and how many events of it have been brought in. */
  head(conversation: string): Promise<HeadRow | undefined>;
  tree(asked: TreeAsked): Promise<Tree | undefined>;
  conversations(asked: ConversationsAsked): Promise<readonly ConversationRow[]>;
  runs(asked: RunsAsked): Promise<readonly RunRow[]>;
  usage(asked: UsageAsked): Promise<readonly UsageSums[]>;
  /** How far a list has come in these conversations; those that it does not know are left out. */
  covered(list: CoveringList, conversations: readonly string[]): Promise<ReadonlyMap<string, Covered>>;
}
