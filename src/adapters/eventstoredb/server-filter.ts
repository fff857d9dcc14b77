import type { AllStreamsFilter } from '../../ports/event-log.js';
import { PRODUCT_STREAMS } from './recorded-event.js';

/** A filter of the server: by the names of streams or by the types of events, not by both. */
export interface ServerFilter {
  readonly by: 'stream' | 'type';
  readonly regex: string;
  /** True if it leaves out more than events of other programs. */
  readonly isNarrow: boolean;
}

export const PRODUCT_FILTER: ServerFilter = { by: 'stream', regex: PRODUCT_STREAMS, isNarrow: false };

/**
 * The server filter that leaves out most unwanted events. Types that a reader leaves out are frequent, such as deltas, so
 * they are filtered rather than categories. Events that pass are filtered again in this process.
 */
export function serverFilter({ categories, withoutTypes = [] }: AllStreamsFilter = {}): ServerFilter {
  // The server's own types begin with `$`.
  if (withoutTypes.length > 0) return { by: 'type', regex: `^(?!\\$|(?:${anyOf(withoutTypes)})$)`, isNarrow: true };
  if (categories) return { by: 'stream', regex: `^(?:${anyOf(categories)})-`, isNarrow: true };
  return PRODUCT_FILTER;
}

const anyOf = (names: readonly string[]): string => names.map((name) => name.replace(/\W/g, '\\$&')).join('|');

/** Servers from 23.10 on report that a subscription has caught up, also if no event passes the filter. */
export function reportsCaughtUp(version: string): boolean {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(version) ?? [];
  return Number(major) > 23 || (Number(major) === 23 && Number(minor) >= 10);
}
