import type { AccessEvent } from '../events/access-events.js';
import { limits } from '../limits.js';

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
export const coveredBy = ({ objects: [object], filters, purpose }: Look): string =>
  JSON.stringify([object.kind, object.id, Object.entries(askedIn(filters) ?? {}).sort(), purpose ?? null]);

function askedIn(filters: Look['filters'] = {}): Record<string, unknown> | undefined {
  const asked = Object.entries(filters).filter(([, value]) => value !== undefined);
  return asked.length === 0 ? undefined : Object.fromEntries(asked);
}

/** A purpose is one line: no control characters. */
export const PURPOSE_PATTERN = '^[^\\u0000-\\u001f\\u007f-\\u009f]*$';
const PURPOSE = new RegExp(PURPOSE_PATTERN);

export const isPurpose = (text: string): boolean => text.length <= limits.purposeCharactersMax && PURPOSE.test(text);

export const PURPOSE_RULE = `must hold at most ${limits.purposeCharactersMax} characters, and no control characters`;
