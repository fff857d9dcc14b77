import type { PageEnd, Scope } from '../../../src/ports/read-models/questions.js';
import { SearchUnbounded } from '../../../src/ports/read-models/read-models.js';
import { type SaidRow, saidTable } from '../../../src/projections/conversations/rows.js';
import type { MemoryReadModels } from './memory-read-models.js';

export const isWithin = (scope: Scope, tenant: string, owner: string | null): boolean =>
  tenant === scope.tenant && (scope.owner === undefined || scope.owner === owner);

export function newestFirst<Row>(
  rows: readonly Row[],
  endOf: (row: Row) => PageEnd,
  before: PageEnd | undefined,
): Row[] {
  const keyOf = ({ at, id }: PageEnd) => `${at} ${id}`;
  const sorted = [...rows].sort((one, other) => (keyOf(endOf(one)) < keyOf(endOf(other)) ? 1 : -1));
  return before ? sorted.filter((row) => keyOf(endOf(row)) < keyOf(before)) : sorted;
}

/** Every word must be there, in one piece of text. */
export function saidWithin(models: MemoryReadModels, scope: Scope, words: string): SaidRow[] {
  const wanted = wordsIn(words);
  const isNegated = words
    .trim()
    .split(/\s+/)
    .every((word) => /^-./su.test(word));
  if (isNegated && wanted.length > 0)
    throw new SearchUnbounded('a search needs at least one word that is not excluded');
  return [...models.rows('conversations', saidTable).values()].filter(
    (row) =>
      isWithin(scope, row.tenant, row.owner) &&
      wanted.length > 0 &&
      wanted.every((word) => wordsIn(row.words).includes(word)),
  );
}

const wordsIn = (text: string): string[] => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
