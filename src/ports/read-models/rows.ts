import type { Usage } from '../../events/outcome.js';

/** The rows of every read model: plain JSON. Texts may hold what no database takes as text, so rows are kept as JSON. */

/** A conversation in a list. */
export interface ConversationRow {
  readonly id: string;
  readonly tenant: string;
  readonly owner: string | null;
  /** How many events of its ledger are in this row. */
  readonly seen: number;
  readonly title: string | null;
  readonly archived: boolean;
  /** Its own choice. */
  readonly model: string | null;
  /** The one that was asked last. */
  readonly askedModel: string | null;
  /** The beginning of what was said last. */
  readonly lastMessage: string | null;
  readonly messages: number;
  readonly updatedAt: string;
  readonly open: string | null;
  readonly waiting: readonly string[];
  /** The generation that was claimed last: a claim may come a moment before its prompt. */
  readonly claimed: string | null;
}

/** A piece of what was said, to be found by its words. */
export interface SaidRow {
  readonly tenant: string;
  readonly owner: string | null;
  readonly conversation: string;
  readonly node: string;
  readonly words: string;
}

/** What a conversation is besides its nodes. */
export interface HeadRow {
  readonly tenant: string;
  readonly owner: string | null;
  readonly seen: number;
  readonly title: string | null;
  /** The event in which the system text stands, and with it the row. */
  readonly system: string | null;
  readonly model: string | null;
  readonly provider: string | null;
  readonly params: Readonly<Record<string, unknown>> | null;
  readonly archived: boolean;
  readonly leaf: string | null;
  readonly open: string | null;
  readonly waiting: readonly { readonly id: string; readonly isNext: boolean }[];
}

interface PlacedRow {
  readonly conversation: string;
  readonly id: string;
  /** How many events the conversation had when it came: the order of nodes. */
  readonly seen: number;
  readonly at: string;
}

export interface SystemTextRow extends PlacedRow {
  readonly kind: 'system';
  readonly parent: null;
  readonly text: string;
}

export interface MessageRow extends PlacedRow {
  readonly kind: 'message' | 'note';
  readonly parent: string | null;
  readonly role: 'user' | 'assistant';
  readonly origin: 'person' | 'client';
  readonly text: string;
  readonly revises: string | null;
}

export interface FailureRow {
  readonly kind: string;
  readonly message: string;
  readonly providerStatus?: number;
}

export interface CostRow {
  readonly amount: string;
  readonly currency: string;
}

export interface ReplyRow extends PlacedRow {
  readonly kind: 'reply';
  readonly parent: string;
  readonly regenerates: string | null;
  readonly prompt: { readonly model: string } | null;
  readonly result: {
    readonly status: 'final' | 'cancelled' | 'error';
    readonly text: string;
    readonly modelServed: string | null;
    readonly usage: Usage | null;
    readonly cost: (CostRow & { readonly priceList: string }) | null;
    readonly error: FailureRow | null;
  } | null;
  /** How many events the conversation had when it ended; null while it has not. */
  readonly endSeen: number | null;
}

/** What stands in the tree of a conversation, and the system texts beside it. */
export type NodeRow = SystemTextRow | MessageRow | ReplyRow;

/** One generation, as the audit table shows it. */
export interface RunRow {
  readonly tenant: string;
  readonly id: string;
  readonly conversation: string;
  readonly message: string;
  readonly user: string | null;
  readonly provider: string | null;
  readonly model: string | null;
  readonly modelServed: string | null;
  readonly params: Readonly<Record<string, unknown>> | null;
  readonly promptSha256: string | null;
  readonly tokens: Readonly<Record<string, unknown>> | null;
  readonly usage: Readonly<Record<string, unknown>> | null;
  readonly cost: CostRow | null;
  readonly ttftMs: number | null;
  readonly durationMs: number | null;
  readonly status: 'queued' | 'streaming' | 'final' | 'cancelled' | 'error';
  readonly finishReason: string | null;
  readonly attempt: number | null;
  readonly regenerates: string | null;
  readonly lineage: readonly string[];
  readonly error: FailureRow | null;
  /** Null while only its claim has come, a moment before the request: then nobody knows of it yet. */
  readonly requestedAt: string | null;
}

/** How far the audit table has come in a conversation. */
export interface LedgerRow {
  /** How many events of its ledger are in the rows. */
  readonly seen: number;
  readonly open: string | null;
  /** The generation that was claimed last: a claim may come a moment before its prompt. */
  readonly claimed: string | null;
}

/** How far the sums have come in a conversation. */
export interface CountedRow {
  /** How many events of its ledger they count. */
  readonly seen: number;
}

/** A generation that may come to cost something, and the model that was asked. */
export interface AskedRow {
  readonly model: string;
}

export interface Sums {
  readonly runs: number;
  /** Runs of which no usage is known: they are in no sum. */
  readonly unknownUsage: number;
  readonly promptTokens: number;
  readonly completionTokens: number;
  readonly totalTokens: number;
  readonly unknownCost: number;
  /** By currency, decimal. */
  readonly costs: Readonly<Record<string, string>>;
}

/** What one user used on one day (UTC), by model. */
export interface UsageRow {
  readonly tenant: string;
  readonly day: string;
  readonly user: string | null;
  readonly models: Readonly<Record<string, Sums>>;
}

export interface Tables {
  conversations: ConversationRow;
  said: SaidRow;
  heads: HeadRow;
  nodes: NodeRow;
  runs: RunRow;
  ledgers: LedgerRow;
  asked: AskedRow;
  usage: UsageRow;
  counted: CountedRow;
}

export type TableName = keyof Tables;

/** The key of a row of `nodes`: ids are unique within their conversation. */
export const nodeKey = (conversation: string, id: string): string => `${conversation}/${id}`;
