import type { AccessEvent } from '../events/access-events.js';
import { recordLimits } from '../record-limits.js';

type AccessData = AccessEvent['data'];

/** What a look is at: a thing by its id, or a list by its tenant. */
export interface LookedAt {
  readonly kind: 'conversation' | 'run' | 'stream' | 'conversations' | 'runs' | 'usage' | 'access' | 'log';
  readonly id: string;
}

/** What an answer shows of others. */
export interface Look {
  readonly what:
    | 'conversation'
    | 'conversation_feed'
    | 'conversations'
    | 'run'
    | 'run_request'
    | 'run_deltas'
    | 'run_proof'
    | 'runs'
    | 'run_feed'
    | 'usage'
    | 'record_entry'
    | 'access'
    | 'export'
    | 'log_show'
    | 'log_tail';
  /** The object, and the one that it is part of: a run is part of a conversation. */
  readonly objects: readonly [LookedAt, LookedAt?];
  readonly owner?: string | null | undefined;
  /** What a list was asked for. Undefined values were not asked for. */
  readonly filters?: Readonly<Record<string, unknown>>;
  readonly purpose?: string | undefined;
}

/** One event for each object, so that each of them has the look in its trail. */
export function looked({ what, objects, owner, filters, purpose }: Look): readonly AccessEvent[] {
  const asked = askedIn(filters);
  const common: Omit<AccessData, 'object'> = {
    what,
    ...(owner && { owner }),
    ...(asked && { filters: asked }),
    ...(purpose !== undefined && { purpose }),
  };
  return objects.flatMap((object) => (object ? [{ type: 'AccessRecorded', data: { ...common, object } }] : []));
}

/** Equal for looks of which one record covers all, if their actors are equal too. */
export const coveredBy = ({ what, objects: [object], filters, purpose }: Look): string =>
  JSON.stringify([what, object.kind, object.id, Object.entries(askedIn(filters) ?? {}).sort(), purpose ?? null]);

function askedIn(filters: Look['filters'] = {}): Record<string, unknown> | undefined {
  const asked = Object.entries(filters).filter(([, value]) => value !== undefined);
  return asked.length === 0 ? undefined : Object.fromEntries(asked);
}

/**
 * A purpose is one line that reads as it is kept: no control characters, no line or paragraph separators, and no format characters,
 * which reverse or hide text. Clients have no classes of Unicode in common, so the pattern names the characters of Cc, Cf, Zl and
 * Zp. It needs the flag `u`, as JSON Schema recommends.
 */
const REFUSED_IN_PURPOSE =
  '\\u0000-\\u001f\\u007f-\\u009f\\u00ad\\u0600-\\u0605\\u061c\\u06dd\\u070f\\u0890\\u0891\\u08e2\\u180e' +
  '\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u2064\\u2066-\\u206f\\ufeff\\ufff9-\\ufffb' +
  '\u{110bd}\u{110cd}\u{13430}-\u{1343f}\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}\u{e0001}\u{e0020}-\u{e007f}';
export const PURPOSE_PATTERN = `^[^${REFUSED_IN_PURPOSE}]*$`;
const PURPOSE = new RegExp(PURPOSE_PATTERN, 'u');

export const isPurpose = (text: string): boolean =>
  text.length <= recordLimits.purposeCharactersMax && PURPOSE.test(text);

export const PURPOSE_RULE = `must hold at most ${recordLimits.purposeCharactersMax} characters, and no control or format characters`;
