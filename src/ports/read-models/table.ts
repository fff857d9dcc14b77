/** A value that is taken out of each row, to search and sort by it. The row itself is stored as JSON. */
export type Column<Row> =
  | { readonly type: 'text'; readonly name: string; readonly of: (row: Row) => string | null }
  | { readonly type: 'integer'; readonly name: string; readonly of: (row: Row) => number }
  | { readonly type: 'boolean'; readonly name: string; readonly of: (row: Row) => boolean }
  | { readonly type: 'words'; readonly name: string; readonly of: (row: Row) => string };

export const text = <Row>(name: string, of: (row: Row) => string | null): Column<Row> => ({ type: 'text', name, of });

export const integer = <Row>(name: string, of: (row: Row) => number): Column<Row> => ({ type: 'integer', name, of });

export const flag = <Row>(name: string, of: (row: Row) => boolean): Column<Row> => ({ type: 'boolean', name, of });

/** The words of a text, with an index of their own. The table also has the columns `tenant` and `owner`. */
export const words = <Row>(name: string, of: (row: Row) => string): Column<Row> => ({ type: 'words', name, of });

/** A table of a read model, as data. Each row has a key that is unique in its table. */
export interface Table<Row> {
  /** Lower-case letters, and unique among all read models. */
  readonly name: string;
  readonly columns: readonly Column<Row>[];
  /** The columns of each index. */
  readonly indexes: readonly (readonly string[])[];
  /** Its rows are searched by their columns and never read, so they are not stored as JSON. */
  readonly isOnlySearched?: true;
}

/** A table of which only the name and the columns matter. */
export type AnyTable = Table<never>;
