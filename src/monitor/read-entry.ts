import { canonicalJson, NotCanonical } from '../formats/record-1/canonical-json.js';
import { hashIn } from '../formats/record-1/hashes.js';

/** An entry as docs/record-format.md defines it, read from its text. */
export interface ReadEntry {
  readonly at: string;
  /** Of the body of an event. */
  readonly body?: string;
  readonly chain: string;
  /** Of a tape. */
  readonly events?: number;
  readonly id: string;
  readonly kind: 'event' | 'tape';
  readonly n: number;
  readonly on?: number;
  readonly oprev?: string | null;
  readonly owner: string | null;
  readonly prev: string | null;
  readonly rev: number;
  /** Of the tree of a tape. */
  readonly root?: string;
  readonly schema: number;
  readonly stream: string;
  readonly tenant: string;
  readonly type: string;
  readonly v: 1;
}

/** The text is not an entry of this format. */
export class NotAnEntry extends Error {}

export const ENTRY_BYTES_MAX = 2_048;
export const CONVERSATION = 'conversation-';
export const TAPE = 'generation-';
/** It is a part of paths of files, so it has neither a dot nor a slash. */
const STREAM = /^(?=.{1,200}$)[a-z]+-[A-Za-z0-9_-]+$/;
const AT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$/;

const isText = (value: unknown): boolean => typeof value === 'string' && value !== '';
const isCount = (value: unknown): boolean => Number.isSafeInteger(value) && (value as number) >= 0;
const isHash = (value: unknown): boolean => hashIn(value) !== undefined;
const isHashOrNull = (value: unknown): boolean => value === null || isHash(value);

const COMMON: Readonly<Record<string, (value: unknown) => boolean>> = {
  at: (value) => typeof value === 'string' && AT.test(value),
  chain: isText,
  id: isText,
  kind: (value) => value === 'event' || value === 'tape',
  n: isCount,
  owner: (value) => value === null || isText(value),
  prev: isHashOrNull,
  rev: isCount,
  schema: isCount,
  stream: (value) => typeof value === 'string' && STREAM.test(value),
  tenant: isText,
  type: isText,
  v: (value) => value === 1,
};
const OF_KIND = {
  event: { body: isHash },
  tape: { events: (value: unknown) => isCount(value) && value !== 0, root: isHash },
} as const;
const OF_FIRST = { on: isCount, oprev: isHashOrNull } as const;

/** Throws NotAnEntry, with the reason. */
export function readEntry(text: string): ReadEntry {
  if (Buffer.byteLength(text) > ENTRY_BYTES_MAX) throw new NotAnEntry(`it is longer than ${ENTRY_BYTES_MAX} bytes`);
  const value = parsed(text);
  const kind = value.kind === 'tape' ? 'tape' : 'event';
  const hasOwnerLink =
    value.n === 0 && value.owner !== null && typeof value.chain === 'string' && value.chain.startsWith(CONVERSATION);
  const members = { ...COMMON, ...OF_KIND[kind], ...(hasOwnerLink && OF_FIRST) };
  for (const name of Object.keys(value))
    if (!Object.hasOwn(members, name)) throw new NotAnEntry(`it has the member ${name}`);
  for (const [name, isValid] of Object.entries(members)) {
    if (!isValid(value[name])) throw new NotAnEntry(`its member ${name} is missing or wrong`);
  }
  return value as unknown as ReadEntry;
}

function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new NotAnEntry('it is no object');
    if (canonicalJson(value) !== text) throw new NotAnEntry('it is not in canonical form');
    return value as Record<string, unknown>;
  } catch (error) {
    if (error instanceof SyntaxError) throw new NotAnEntry('it is not JSON');
    if (error instanceof NotCanonical) throw new NotAnEntry('it has no canonical form');
    throw error;
  }
}
