import type { Scope } from '../../../ports/read-models/questions.js';
import type { Conditions } from './conditions.js';

const PREFIX_BYTES = 12;

/** PostgreSQL refuses a lexeme of more than 2,046 bytes, and the prefix is part of the lexeme. Longer words are not indexed. */
const INDEXED_WORD_BYTES_MAX = 2_046 - PREFIX_BYTES;

/** Names the texts of a tenant, or of one owner in it, without their names. */
const prefixOf = (tenant: string, owner = "''"): string =>
  `left(encode(sha256(convert_to(${tenant} || chr(1) || ${owner}, 'UTF8')), 'hex'), ${PREFIX_BYTES})`;

/**
 * Words of any language as they are written, without their inflections. Each is there for its tenant and for its owner, so
 * that a search reads what its reader may see and nothing else.
 */
export const indexedWords = (value: string): string => `(
    SELECT coalesce(string_agg('''' || prefix || replace(replace(lexeme, '\\', '\\\\'), '''', '''''') || ''':'
      || array_to_string(positions, ','), ' '), '')::tsvector
    FROM unnest(to_tsvector('simple', ${value})),
      unnest(ARRAY[${prefixOf('new.tenant')}, ${prefixOf('new.tenant', "coalesce(new.owner, '')")}]) prefix
    WHERE octet_length(lexeme) <= ${INDEXED_WORD_BYTES_MAX})`;

/** As in a search box: any text is accepted. */
const QUERY = `websearch_to_tsquery('simple', ?)`;

/** No index can answer a question for the absence of words alone: it would read every text. */
export const IS_UNBOUNDED = `SELECT numnode(query) > 0 AND querytree(query) = 'T' FROM ${QUERY.replace('?', '$1')} query`;

/**
 * Each word of the query as it is indexed for those who may see the text. A word that is too long for the index becomes
 * the prefix alone, which is no indexed word: nothing is found, and PostgreSQL does not refuse the query.
 */
const matches = (column: string, prefix: string): string => `${column} @@ (
  SELECT coalesce(string_agg(coalesce(part[1], '''' || ${prefix}
    || CASE WHEN octet_length(part[2]) <= ${INDEXED_WORD_BYTES_MAX} THEN part[2] ELSE '' END || ''''), '' ORDER BY nth), '')
  FROM regexp_matches(${QUERY}::text, '([^'']+)|''(([^'']|'''')+)''', 'g') WITH ORDINALITY AS parts (part, nth))::tsquery`;

/** The condition that a row of the scope has all the words in its column of words. `?` is their parameter. */
export function wordsWithin({ tenant, owner }: Scope, column: string, asked: Conditions): string {
  const ofTenant = `${asked.value(tenant)}::text`;
  const ofOwner = owner === undefined ? undefined : `${asked.value(owner)}::text`;
  const within = ofOwner === undefined ? '' : ` AND owner = ${ofOwner}`;
  return `tenant = ${ofTenant}${within} AND ${matches(column, prefixOf(ofTenant, ofOwner))}`;
}
