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

const PREFIX_BYTES = 12;

/** PostgreSQL refuses a lexeme of more than 2,046 bytes, and the prefix is part of the lexeme. Longer words are not indexed. */
export const INDEXED_WORD_BYTES_MAX = 2_046 - PREFIX_BYTES;

/** Names the texts of a tenant, or of one owner in it, without their names. */
export const prefixOf = (tenant: string, owner = "''"): string =>
  `left(encode(sha256(convert_to(${tenant} || chr(1) || ${owner}, 'UTF8')), 'hex'), ${PREFIX_BYTES})`;

/**
 * Words of any language as they are written, without their inflections. Each is there for its tenant and for its owner, so
 * that a search reads what its reader may see and nothing else. Rows with it have the columns `tenant` and `owner`.
 */
export const terms = <Row>(name: string, of: (row: Row) => string): Column<Row> => ({
  name,
  type: 'tsvector',
  arrayType: 'text[]',
  stored: (value) => `(
    SELECT coalesce(string_agg('''' || prefix || replace(replace(lexeme, '\\', '\\\\'), '''', '''''') || ''':'
      || array_to_string(positions, ','), ' '), '')::tsvector
    FROM unnest(to_tsvector('simple', ${value})),
      unnest(ARRAY[${prefixOf('new.tenant')}, ${prefixOf('new.tenant', "coalesce(new.owner, '')")}]) prefix
    WHERE octet_length(lexeme) <= ${INDEXED_WORD_BYTES_MAX})`,
  values: (rows) => textArray(rows.map(of)),
});
