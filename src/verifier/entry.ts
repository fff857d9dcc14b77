import { base64Bytes, HASH_BYTES, utf8 } from './bytes.js';
import { canonicalJson, formIfAny, isObject, type JsonObject, parsedJson } from './canonical-json.js';

interface EntryOfAny {
  readonly at: string;
  readonly chain: string;
  readonly id: string;
  readonly n: number;
  readonly on?: number;
  readonly oprev?: string | null;
  readonly owner: string | null;
  readonly prev: string | null;
  readonly rev: number;
  readonly schema: number;
  readonly stream: string;
  readonly tenant: string;
  readonly type: string;
}

export interface EventEntry extends EntryOfAny {
  readonly kind: 'event';
  readonly body: string;
}

export interface TapeEntry extends EntryOfAny {
  readonly kind: 'tape';
  readonly events: number;
  readonly root: string;
}

export type ParsedEntry = EventEntry | TapeEntry;

/** A line of `entries.txt`. */
export interface EntryLine {
  /** Only of an entry that the proof covers: nothing else commits to it. */
  readonly index: number | undefined;
  readonly text: string;
  readonly entry: ParsedEntry;
}

const ENTRY_BYTES_MAX = 2_048;
const CONVERSATION = 'conversation-';
const CHAIN_OF_CONVERSATION = /^conversation-[A-Za-z0-9_-]{1,187}$/;
const OWNER = /^[A-Za-z0-9_-]{1,100}$/;
const TAPE = 'generation-';

export const isOfConversation = (chain: string): boolean => chain.startsWith(CONVERSATION);
export const isTapeStream = (stream: string): boolean => stream.startsWith(TAPE);
export const generationOf = (stream: string): string => stream.slice(TAPE.length);

/** The entry in words, with its number in its chain. */
export const placeOf = ({ n, type, rev, stream }: EntryOfAny): string =>
  `entry ${n} (${type}, event ${rev} of ${stream})`;

/** The line, or what is wrong with it. */
export function entryLine(line: string): EntryLine | string {
  const [, digits, text] = /^(?:(0|[1-9]\d{0,15}) )?(\{.*)$/s.exec(line) ?? [];
  if (text === undefined) return 'has no entry';
  const value = parsedJson(text);
  if (!isObject(value) || formIfAny(canonicalJson, value) !== text) return 'its entry is not the JCS form of an object';
  if (utf8(text).length > ENTRY_BYTES_MAX) return `its entry is longer than ${ENTRY_BYTES_MAX} bytes`;
  if (!isEntry(value)) return 'its entry has other members than the format says';
  return { index: digits === undefined ? undefined : Number(digits), text, entry: value };
}

const isText = (value: unknown): value is string => typeof value === 'string';
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isHash = (value: unknown): boolean => base64Bytes(value, HASH_BYTES) !== undefined;
const isHashOrNull = (value: unknown): boolean => value === null || isHash(value);

const OF_ANY: Readonly<Record<string, (value: unknown) => boolean>> = {
  at: (value) => isText(value) && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value),
  chain: isText,
  id: isText,
  n: isCount,
  owner: (value) => value === null || (isText(value) && OWNER.test(value)),
  prev: isHashOrNull,
  rev: isCount,
  schema: isCount,
  stream: isText,
  tenant: isText,
  type: isText,
  v: (value) => value === 1,
};
const OF_EVENT = { ...OF_ANY, kind: (value: unknown) => value === 'event', body: isHash };
const OF_TAPE = { ...OF_ANY, kind: (value: unknown) => value === 'tape', events: isCount, root: isHash };
const OF_FIRST = { on: isCount, oprev: isHashOrNull };

function isEntry(value: JsonObject): value is JsonObject & ParsedEntry {
  const isFirst = value.n === 0 && value.owner !== null && isText(value.chain) && isOfConversation(value.chain);
  const members = { ...(value.kind === 'tape' ? OF_TAPE : OF_EVENT), ...(isFirst && OF_FIRST) };
  const names = Object.keys(members);
  const isWhole = Object.keys(value).length === names.length;
  if (!isWhole || !names.every((name) => members[name as keyof typeof members]?.(value[name]))) return false;
  return value.n === 0 ? value.prev === null : value.prev !== null;
}

/** The chain and the owner that an event with this metadata has. */
export function linksOf(meta: JsonObject, stream: string): Pick<ParsedEntry, 'chain' | 'owner'> {
  const { conversation, owner, p } = meta;
  const chain = `${CONVERSATION}${conversation}`;
  return {
    chain: isText(conversation) && CHAIN_OF_CONVERSATION.test(chain) ? chain : stream,
    owner: p === 1 && isText(owner) && OWNER.test(owner) ? owner : null,
  };
}
