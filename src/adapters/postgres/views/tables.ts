import type { Build } from '../../../ports/read-models/read-models.js';
import type { AnyTable, Column } from '../../../ports/read-models/table.js';
import { booleanArray, integerArray, textArray } from '../binary-arrays.js';
import { indexedWords } from './words.js';

/** The type of a column, and of the array in which its values travel. */
const storages: Readonly<Record<Column<never>['type'], readonly [type: string, arrayType: string]>> = {
  text: ['text COLLATE "C"', 'text[]'],
  integer: ['integer', 'integer[]'],
  boolean: ['boolean', 'boolean[]'],
  words: ['tsvector', 'text[]'],
};

export const arrayTypeOf = ({ type }: Column<never>): string => storages[type][1];

export const storedOf = ({ type }: Column<never>, value: string): string =>
  type === 'words' ? indexedWords(value) : value;

export function valuesOf<Row>(column: Column<Row>, rows: readonly Row[]): Buffer {
  switch (column.type) {
    case 'text':
    case 'words':
      return textArray(rows.map(column.of));
    case 'integer':
      return integerArray(rows.map(column.of));
    case 'boolean':
      return booleanArray(rows.map(column.of));
  }
}

/** Names in SQL come from this program alone. */
export const tableOf = ({ name }: AnyTable, { build }: Pick<Build, 'build'>): string => `views.${name}_${build}`;

export function createTable(table: AnyTable, build: Build): string {
  const name = tableOf(table, build);
  const fields = [
    'key text COLLATE "C" PRIMARY KEY',
    ...table.columns.map((column) => `${column.name} ${storages[column.type][0]}`),
    ...(table.isOnlySearched ? [] : ['doc json NOT NULL']),
  ];
  const ofWords = table.columns.filter(({ type }) => type === 'words').map((column) => `USING gin (${column.name})`);
  return [
    `CREATE TABLE ${name} (${fields.join(', ')}) WITH (fillfactor = 90)`,
    ...[...ofWords, ...table.indexes.map((columns) => `(${columns.join(', ')})`)].map(
      (index) => `CREATE INDEX ON ${name} ${index}`,
    ),
  ].join(';\n');
}

/** Not by replacing it: a view that is replaced must keep every column in its place, and a newer version may add one. */
export const showTable = (table: AnyTable, build: Build): string =>
  `DROP VIEW IF EXISTS views.${table.name}; CREATE VIEW views.${table.name} AS SELECT * FROM ${tableOf(table, build)}`;

export const dropTable = (table: AnyTable, build: Pick<Build, 'build'>): string =>
  `DROP TABLE IF EXISTS ${tableOf(table, build)}`;
