import { isObject, type JsonObject } from './canonical-json.js';

/** A value that the bag does not reveal. Nothing that depends on it can be checked. */
export const HIDDEN = Symbol('hidden');
export type Revealed<T> = T | typeof HIDDEN;

export const isHidden = (value: unknown): value is typeof HIDDEN | { readonly $c: string } =>
  value === HIDDEN || (isObject(value) && '$c' in value);

/** A text, or HIDDEN. A value of another type is no text: the empty one. */
export function textIn(value: unknown): Revealed<string> {
  if (isHidden(value)) return HIDDEN;
  return typeof value === 'string' ? value : '';
}

export function joinedTexts(texts: readonly Revealed<string>[]): Revealed<string> {
  return texts.includes(HIDDEN) ? HIDDEN : texts.join('');
}

/** The items of a list that are objects. A hidden list is HIDDEN. */
export function objectsIn(value: unknown): Revealed<readonly JsonObject[]> {
  if (isHidden(value)) return HIDDEN;
  return Array.isArray(value) ? value.filter(isObject) : [];
}

/** The texts of a message's parts, or of an answer's blocks, joined. */
export function textOfAll(value: unknown, kindName: 'type' | 'kind'): Revealed<string> {
  const items = objectsIn(value);
  if (items === HIDDEN) return HIDDEN;
  return joinedTexts(items.filter((item) => item[kindName] === 'text').map(({ text }) => textIn(text)));
}

/** The answer of a recorded end, as its version says. */
export const answerOf = (data: JsonObject, schema: number): Revealed<string> =>
  schema === 1 ? textIn(data.text) : textOfAll(data.blocks, 'kind');

/** The parts of a prompt in the names of version 2. */
export function promptParts(data: JsonObject, schema: number): Revealed<readonly JsonObject[]> {
  const parts = objectsIn(data.parts);
  if (parts === HIDDEN || schema !== 1) return parts;
  return parts.map((part) => (typeof part.field === 'string' ? { ...part, pointer: `data/${part.field}` } : part));
}
