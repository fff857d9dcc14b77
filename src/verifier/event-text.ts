import { base64, base64Bytes, HASH_BYTES, utf8, type VerifierCrypto } from './bytes.js';
import { canonicalJson, canonicalText, formIfAny, isObject, type JsonObject, parsedJson } from './canonical-json.js';

/** A protected value: where it is, and its commitment. */
export interface Commitment {
  readonly pointer: string;
  readonly c: string;
}

/** A line of `texts.jsonl`. */
export interface EventText {
  readonly at: string;
  readonly id: string;
  readonly rev: number;
  readonly schema: number;
  readonly stream: string;
  readonly type: string;
  /** Parsed. Undefined if it is not JSON. Protected values are `{"$c":...}`. */
  readonly data: unknown;
  /** An empty object if the metadata is no JSON object. */
  readonly meta: JsonObject;
  readonly commitments: readonly Commitment[];
  /** What the entry of the event has the hash of. */
  readonly body: string;
  /** What the tree of a tape has the hash of. */
  readonly leaf: string;
}

const MEMBERS = ['at', 'data', 'id', 'meta', 'rev', 'schema', 'stream', 'type'];

/** The line, or what is wrong with it. */
export function eventText(line: string, crypto: Pick<VerifierCrypto, 'sha256'>): EventText | string {
  const value = parsedJson(line);
  if (!isObject(value) || formIfAny(canonicalText, value) !== line) return 'is not the JCS form of an object';
  const { at, data, id, meta, rev, schema, stream, type } = value;
  const isWhole = Object.keys(value).length === MEMBERS.length && MEMBERS.every((name) => name in value);
  const isNamed = [at, id, stream, type].every((member) => typeof member === 'string' && member.isWellFormed());
  if (!isWhole || !isNamed || ![rev, schema].every(Number.isSafeInteger)) return 'has other members';
  const envelope = { at, id, rev, schema, stream, type } as Pick<
    EventText,
    'at' | 'id' | 'rev' | 'schema' | 'stream' | 'type'
  >;
  const leafOf = (content: object) => canonicalJson({ at, ...content, id, rev, schema, type });
  if (typeof data === 'string' && typeof meta === 'string') {
    // As bytes, it would be a replacement character, which the entry may well commit to.
    if (!data.isWellFormed() || !meta.isWellFormed()) return 'has half of a surrogate pair, as no stored text';
    const raw = base64(crypto.sha256(utf8(`${data}\0${meta}`)));
    const parsed = parsedJson(meta);
    return {
      ...envelope,
      data: parsedJson(data),
      meta: isObject(parsed) ? parsed : {},
      commitments: [],
      body: canonicalJson({ raw }),
      leaf: leafOf({ raw }),
    };
  }
  const content = { data, meta };
  const body = formIfAny(canonicalJson, content);
  const commitments: Commitment[] = [];
  const isReduced = isObject(meta) && meta.p === 1 && collect(data, 'data', commitments);
  if (body === undefined || !isReduced || !collect(meta, 'meta', commitments))
    return 'has no content of a protected event';
  return { ...envelope, data, meta, commitments, body, leaf: leafOf(content) };
}

/** Finds the protected values. False if another member begins with `$`. */
function collect(value: unknown, pointer: string, found: Commitment[]): boolean {
  if (Array.isArray(value)) return value.every((item, nth) => collect(item, `${pointer}/${nth}`, found));
  if (!isObject(value)) return true;
  const names = Object.keys(value);
  if (!names.some((name) => name.startsWith('$'))) {
    return names.every((name) => collect(value[name], `${pointer}/${escaped(name)}`, found));
  }
  if (names.length !== 1 || base64Bytes(value.$c, HASH_BYTES) === undefined) return false;
  found.push({ pointer, c: value.$c as string });
  return true;
}

const escaped = (name: string): string => name.replaceAll('~', '~0').replaceAll('/', '~1');

/** The data with the revealed values in their places. A value that is not revealed stays `{"$c":...}`. */
export function withValues(value: unknown, pointer: string, values: ReadonlyMap<string, unknown>): unknown {
  if (Array.isArray(value)) return value.map((item, nth) => withValues(item, `${pointer}/${nth}`, values));
  if (!isObject(value)) return value;
  if ('$c' in value) return values.has(pointer) ? values.get(pointer) : value;
  const members = Object.entries(value).map(([name, member]) => [
    name,
    withValues(member, `${pointer}/${escaped(name)}`, values),
  ]);
  return Object.fromEntries(members);
}

/** Whether the event seals its tape. */
export function isSeal({ type, data }: Pick<EventText, 'type' | 'data'>): boolean {
  return type === 'AttemptEnded' && !((isObject(data) || Array.isArray(data)) && 'retryAt' in data);
}
