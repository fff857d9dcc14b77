import { createHash } from 'node:crypto';
import type { Reader } from '../../domain/conversation/readers.js';
import type { PageAsked, PageEnd, Scope } from '../../ports/read-models/questions.js';
import type { LeastShown } from './list-coverage.js';

/** The text is not a page token. */
export class InvalidPageToken extends Error {}

/** The same rule as for a single conversation: members see their own, auditors and admins all of their tenant's. */
export const scopeOf = ({ tenant, user, role }: Reader): Scope =>
  role === 'member' ? { tenant, owner: user } : { tenant };

/** The parameters of each list. */
export interface PageRequest {
  readonly limit: number;
  readonly q?: string | undefined;
  /** The token of the page before. */
  readonly before?: string | undefined;
  readonly min?: LeastShown | undefined;
}

/** One row more than the page holds, which shows whether another page follows. */
export const pageAsked = (reader: Reader, { limit, q, before }: PageRequest): PageAsked => ({
  scope: scopeOf(reader),
  words: q,
  before: before === undefined ? undefined : pageEndIn(before),
  rowsMax: limit + 1,
});

/** Rows, and the token of the next page. Null if there is none. */
export interface Paged<Row> {
  readonly items: readonly Row[];
  readonly next: string | null;
}

/** Of one row more than a page holds, the page. */
export function pageOf<Row, Item>(
  rows: readonly Row[],
  itemsMax: number,
  endOf: (row: Row) => PageEnd,
  shown: (row: Row) => Item,
): Paged<Item> {
  const page = rows.slice(0, itemsMax);
  const last = page.at(-1);
  const next = rows.length > itemsMax && last ? tokenOf(endOf(last)) : null;
  return { items: page.map(shown), next };
}

/** Opaque: it says where a page ended, and carries a sum so that a changed one is noticed rather than obeyed. */
export function tokenOf({ at, id }: PageEnd): string {
  const text = JSON.stringify([at, id]);
  return Buffer.concat([sumOf(text), Buffer.from(text)]).toString('base64url');
}

export function pageEndIn(token: string): PageEnd {
  const bytes = Buffer.from(token, 'base64url');
  const text = bytes.subarray(SUM_BYTES).toString('utf8');
  // Each end has one token. Another text that decodes to the same end was changed.
  const isWhole = bytes.length > SUM_BYTES && sumOf(text).equals(bytes.subarray(0, SUM_BYTES));
  if (!isWhole || bytes.toString('base64url') !== token) throw new InvalidPageToken();
  const end = endIn(text);
  if (!end) throw new InvalidPageToken();
  return end;
}

/** The sum is no secret, so a caller can make a token with any text inside. */
function endIn(text: string): PageEnd | undefined {
  const [, at, id] = PAGE_END.exec(text) ?? [];
  return at !== undefined && id !== undefined && isInstant(at) ? { at, id } : undefined;
}

const PAGE_END = /^\["([0-9TZ:.-]{1,30})","([A-Za-z0-9_-]{1,200})"\]$/;
const isInstant = (at: string): boolean => {
  const milliseconds = Date.parse(at);
  return !Number.isNaN(milliseconds) && new Date(milliseconds).toISOString() === at;
};

const SUM_BYTES = 6;
const sumOf = (text: string): Buffer => createHash('sha256').update(text).digest().subarray(0, SUM_BYTES);
