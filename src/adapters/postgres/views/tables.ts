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

const wordsOf = ({ columns }: AnyTable) => columns.filter(({ type }) => type === 'words');

const indexOfWords = (table: AnyTable, build: Build, { name }: AnyTable['columns'][number]): string =>
  `${table.name}_${build.build}_${name}_idx`;

export function createTable(table: AnyTable, build: Build): string {
  const name = tableOf(table, build);
  const fields = [
    'key text COLLATE "C" PRIMARY KEY',
    ...table.columns.map((column) => `${column.name} ${storages[column.type][0]}`),
    ...(table.isOnlySearched ? [] : ['doc json NOT NULL']),
  ];
  return [
    `CREATE TABLE ${name} (${fields.join(', ')}) WITH (fillfactor = 90)`,
    ...wordsOf(table).map(
      (column) => `CREATE INDEX ${indexOfWords(table, build, column)} ON ${name} USING gin (${column.name})`,
    ),
    ...table.indexes.map((columns) => `CREATE INDEX ON ${name} (${columns.join(', ')})`),
  ].join(';\n');
}

/**
 * For a table that is searched from now on. PostgreSQL collects new rows of an index of words in a list. Each search reads the whole
 * list, and one write at times sorts it into the index. A rebuild is three times as fast with the list, but searches, and writes
 * that a reader waits for, are slower.
 */
export const settleTable = (table: AnyTable, build: Build): string[] =>
  wordsOf(table)
    .map((column) => `views.${indexOfWords(table, build, column)}`)
    .flatMap((index) => [`ALTER INDEX ${index} SET (fastupdate = off)`, `SELECT gin_clean_pending_list('${index}')`]);

/** Not by replacing it: a view that is replaced must keep every column in its place, and a newer version may add one. */
export const showTable = (table: AnyTable, build: Build): string =>
  `DROP VIEW IF EXISTS views.${table.name}; CREATE VIEW views.${table.name} AS SELECT * FROM ${tableOf(table, build)}`;

export const dropTable = (table: AnyTable, build: Pick<Build, 'build'>): string =>
  `DROP TABLE IF EXISTS ${tableOf(table, build)}`;
