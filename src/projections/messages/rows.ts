import type { GenerationFinalized, MessageSent } from '../../domain/conversation/tree.js';
import type { RecordedUsage } from '../../events/conversation-events.js';
import { integer, type Table, text } from '../../ports/read-models/table.js';

/** The fields of a conversation without its nodes. */
export interface HeadRow {
  readonly tenant: string;
  readonly owner: string | null;
  /** How many events of its ledger are in the rows. */
  readonly seen: number;
  readonly title: string | null;
  /** The id of the event that has the system text, and of its row in `nodes`. */
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
  readonly role: MessageSent['role'];
  readonly origin: MessageSent['origin'];
  readonly text: string;
  readonly revises: string | null;
}

export interface ReplyRow extends PlacedRow {
  readonly kind: 'reply';
  readonly parent: string;
  readonly regenerates: string | null;
  readonly prompt: { readonly model: string } | null;
  readonly result: {
    readonly status: GenerationFinalized['status'];
    readonly text: string;
    readonly modelServed: string | null;
    readonly usage: RecordedUsage | null;
    readonly cost: GenerationFinalized['cost'];
    readonly error: NonNullable<GenerationFinalized['error']> | null;
  } | null;
  /** How many events the conversation had when it ended; null while it has not. */
  readonly endSeen: number | null;
}

/** The nodes in the tree of a conversation, and the system texts beside it. */
export type NodeRow = SystemTextRow | MessageRow | ReplyRow;

export const headsTable: Table<HeadRow> = {
  name: 'heads',
  columns: [text('leaf', (row) => row.leaf), text('system', (row) => row.system)],
  indexes: [],
};

export const nodesTable: Table<NodeRow> = {
  name: 'nodes',
  columns: [
    text('conversation', (row) => row.conversation),
    text('id', (row) => row.id),
    text('kind', (row) => row.kind),
    text('parent', (row) => row.parent),
    integer('seen', (row) => row.seen),
    integer('characters', (row) => textOf(row).length),
  ],
  indexes: [['conversation', 'seen']],
};

export const textOf = (row: NodeRow): string => (row.kind === 'reply' ? row.result?.text : row.text) ?? '';

/** The key of a row of `nodes`: ids are unique within their conversation. */
export const nodeKey = (conversation: string, id: string): string => `${conversation}/${id}`;
