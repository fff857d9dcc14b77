import { canonicalJson, formIfAny, isObject, parsedJson } from './canonical-json.js';
import { Unreadable } from './findings.js';

/** What a bag covers, as `scope.json` says. */
export interface CoveredScope {
  readonly tenant: string;
  readonly size: number;
  /** False: the bag has entries alone. */
  readonly reveal: boolean;
  /** Sorted. Undefined: everything of the tenant. */
  readonly conversations: readonly string[] | undefined;
}

const PATH = 'data/scope.json';
const CONVERSATIONS_MAX = 10_000;
/** A tree of more leaves than a reader can hold. */
const SIZE_MAX = 2 ** 40;

export function scopeIn(text: string): CoveredScope {
  const value = parsedJson(text);
  const canonical = formIfAny(canonicalJson, value);
  if (!isObject(value) || `${canonical}\n` !== text) throw new Unreadable(PATH, 'is not the JCS form of an object');
  const { reveal, scope, size, tenant, v } = value;
  const isWhole = Object.keys(value).length === 5 && v === 1 && typeof reveal === 'boolean' && isObject(scope);
  if (!isWhole || typeof tenant !== 'string' || !Number.isSafeInteger(size) || (size as number) < 1) {
    throw new Unreadable(PATH, 'has other members than the format says');
  }
  if ((size as number) > SIZE_MAX) throw new Unreadable(PATH, 'names a tree that is larger than any');
  return { tenant, size: size as number, reveal, conversations: conversationsIn(scope) };
}

function conversationsIn(scope: Readonly<Record<string, unknown>>): readonly string[] | undefined {
  const { conversations, tenant, ...rest } = scope;
  const isAlone = Object.keys(rest).length === 0 && Object.keys(scope).length === 1;
  if (isAlone && tenant === true) return undefined;
  const isList = isAlone && Array.isArray(conversations) && conversations.every((id) => typeof id === 'string');
  if (!isList || conversations.length < 1 || conversations.length > CONVERSATIONS_MAX) {
    throw new Unreadable(PATH, 'names neither conversations nor the tenant');
  }
  const isSorted = conversations.every((id, nth) => nth === 0 || (conversations[nth - 1] as string) < id);
  if (!isSorted) throw new Unreadable(PATH, 'names conversations twice, or not in order');
  return conversations;
}
