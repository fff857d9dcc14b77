import type { Build } from '../../../ports/read-models/read-models.js';
import type { LedgerRow, TableName, Tables } from '../../../ports/read-models/rows.js';
import { type Column, flag, integer, terms, text } from './columns.js';

/** How the rows of one read model are kept: as JSON, and beside it what is asked for and sorted by. */
export interface TableShape<Row> {
  readonly columns: readonly Column<Row>[];
  /** Nothing is ever read out of a table that is only searched. */
  readonly hasDocument: boolean;
  readonly indexes: readonly string[];
}

type Shapes = { readonly [T in TableName]: TableShape<Tables[T]> };

/** Whether a list shows that the open generation was claimed. */
const isOpenClaimed = ({ open, claimed }: Pick<LedgerRow, 'open' | 'claimed'>): boolean =>
  open !== null && open === claimed;

export const shapes: Shapes = {
  conversations: {
    hasDocument: true,
    columns: [
      text('tenant', (row) => row.tenant),
      text('owner', (row) => row.owner),
      flag('archived', (row) => row.archived),
      text('updated_at', (row) => row.updatedAt),
      integer('seen', (row) => row.seen),
      flag('claimed', isOpenClaimed),
    ],
    indexes: ['(tenant, archived, updated_at, key)', '(tenant, owner, archived, updated_at, key)'],
  },
  said: {
    hasDocument: false,
    columns: [
      text('tenant', (row) => row.tenant),
      text('owner', (row) => row.owner),
      text('conversation', (row) => row.conversation),
      text('node', (row) => row.node),
      terms('terms', (row) => row.words),
    ],
    indexes: ['USING gin (terms)', '(conversation)', '(node)'],
  },
  heads: {
    hasDocument: true,
    columns: [text('leaf', (row) => row.leaf), text('system', (row) => row.system)],
    indexes: [],
  },
  nodes: {
    hasDocument: true,
    columns: [
      text('conversation', (row) => row.conversation),
      text('id', (row) => row.id),
      text('kind', (row) => row.kind),
      text('parent', (row) => row.parent),
      integer('seen', (row) => row.seen),
      integer('characters', (row) => (row.kind === 'reply' ? row.result?.text : row.text)?.length ?? 0),
    ],
    indexes: ['(conversation, seen)'],
  },
  runs: {
    hasDocument: true,
    columns: [
      text('tenant', (row) => row.tenant),
      text('owner', (row) => row.user),
      text('conversation', (row) => row.conversation),
      text('message', (row) => row.message),
      text('model', (row) => row.model),
      text('status', (row) => row.status),
      text('requested_at', (row) => row.requestedAt),
    ],
    indexes: [
      '(tenant, requested_at, key)',
      '(tenant, owner, requested_at, key)',
      '(tenant, model, requested_at, key)',
      '(tenant, status, requested_at, key)',
      '(conversation, requested_at, key)',
      '(message)',
    ],
  },
  ledgers: {
    hasDocument: true,
    columns: [integer('seen', (row) => row.seen), flag('claimed', isOpenClaimed)],
    indexes: [],
  },
  asked: { hasDocument: true, columns: [], indexes: [] },
  counted: { hasDocument: true, columns: [integer('seen', (row) => row.seen)], indexes: [] },
  usage: {
    hasDocument: true,
    columns: [text('tenant', (row) => row.tenant), text('day', (row) => row.day), text('owner', (row) => row.user)],
    indexes: ['(tenant, day)'],
  },
};

/** What stands in SQL as a name comes from this program alone. */
export const tableOf = (table: TableName, { build }: Pick<Build, 'build'>): string => `views.${table}_${build}`;

export function createTable(table: TableName, build: Build): string {
  const { columns, hasDocument, indexes } = shapes[table];
  const name = tableOf(table, build);
  const fields = [
    'key text COLLATE "C" PRIMARY KEY',
    ...columns.map(({ name: column, type }) => `${column} ${type}`),
    ...(hasDocument ? ['doc json NOT NULL'] : []),
  ];
  return [
    `CREATE TABLE ${name} (${fields.join(', ')}) WITH (fillfactor = 90)`,
    ...indexes.map((index) => `CREATE INDEX ON ${name} ${index}`),
  ].join(';\n');
}

/** Not by replacing it: a view that is replaced must keep every column in its place, and a newer version may add one. */
export const showTable = (table: TableName, build: Build): string =>
  `DROP VIEW IF EXISTS views.${table}; CREATE VIEW views.${table} AS SELECT * FROM ${tableOf(table, build)}`;

export const dropTable = (table: TableName, build: Build): string => `DROP TABLE IF EXISTS ${tableOf(table, build)}`;
