import type { AllStreamsFilter } from '../../ports/event-log.js';
import { PRODUCT_STREAMS } from './recorded-event.js';

/** What a server leaves out of a subscription: it looks at the name of a stream or at the type of an event, not at both. */
export interface ServerFilter {
  readonly by: 'stream' | 'type';
  readonly regex: string;
  /** It leaves out more than what other programs wrote. */
  readonly isNarrow: boolean;
}

export const PRODUCT_FILTER: ServerFilter = { by: 'stream', regex: PRODUCT_STREAMS, isNarrow: false };

/**
 * The filter of a server that spares most of what a reader does not want. Types that are left out are the many, such as
 * deltas, so they count before categories. What the server lets through is filtered again here.
 */
export function serverFilter({ categories, withoutTypes = [] }: AllStreamsFilter = {}): ServerFilter {
  // The server's own types begin with `$`.
  if (withoutTypes.length > 0) return { by: 'type', regex: `^(?!\\$|(?:${anyOf(withoutTypes)})$)`, isNarrow: true };
  if (categories) return { by: 'stream', regex: `^(?:${anyOf(categories)})-`, isNarrow: true };
  return PRODUCT_FILTER;
}

const anyOf = (names: readonly string[]): string => names.map((name) => name.replace(/\W/g, '\\$&')).join('|');

/** Servers from 23.10 on say when a subscription has caught up, also when the filter lets nothing through. */
export function reportsCaughtUp(version: string): boolean {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(version) ?? [];
  return Number(major) > 23 || (Number(major) === 23 && Number(minor) >= 10);
}
