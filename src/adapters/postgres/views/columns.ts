import { booleanArray, integerArray, textArray } from '../binary-arrays.js';

/** What is taken out of a row to be asked for. */
export interface Column<Row> {
  readonly name: string;
  readonly type: string;
  /** How it travels, and what becomes of it where it arrives. */
  readonly arrayType: string;
  readonly stored: (value: string) => string;
  readonly values: (rows: readonly Row[]) => Buffer;
}

const asItIs = (value: string): string => value;

export const text = <Row>(name: string, of: (row: Row) => string | null): Column<Row> => ({
  name,
  type: 'text COLLATE "C"',
  arrayType: 'text[]',
  stored: asItIs,
  values: (rows) => textArray(rows.map(of)),
});

export const integer = <Row>(name: string, of: (row: Row) => number): Column<Row> => ({
  name,
  type: 'integer',
  arrayType: 'integer[]',
  stored: asItIs,
  values: (rows) => integerArray(rows.map(of)),
});

export const flag = <Row>(name: string, of: (row: Row) => boolean): Column<Row> => ({
  name,
  type: 'boolean',
  arrayType: 'boolean[]',
  stored: asItIs,
  values: (rows) => booleanArray(rows.map(of)),
});

/** Of any language: words as they are written, without their inflections. */
export const words = <Row>(name: string, of: (row: Row) => string): Column<Row> => ({
  name,
  type: 'tsvector',
  arrayType: 'text[]',
  stored: (value) => `to_tsvector('simple', ${value})`,
  values: (rows) => textArray(rows.map(of)),
});
