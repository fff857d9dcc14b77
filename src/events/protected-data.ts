import type { TSchema } from '@sinclair/typebox';
import { type HoldingEvent, placeOf, pointerOf, protect, reveal } from '../formats/value-1/protected-value.js';
import type { ValueKey } from '../formats/value-1/value-key.js';

/** The personal values in the data of an event type: the value itself, those of its members, or those of its items. */
export type PersonalValues =
  | 'itself'
  | { readonly members: ReadonlyMap<string, PersonalValues> }
  | { readonly items: PersonalValues };

/** Undefined if the schema marks no value as personal. */
export function personalValuesIn(schema: TSchema): PersonalValues | undefined {
  if (schema.personal === true) return 'itself';
  const items = schema.items && personalValuesIn(schema.items);
  if (items) return { items };
  const members = new Map<string, PersonalValues>();
  for (const [name, member] of Object.entries<TSchema>(schema.properties ?? {})) {
    const personal = personalValuesIn(member);
    if (personal) members.set(name, personal);
  }
  const alternatives: TSchema[] = schema.anyOf ?? [];
  return alternatives.map(personalValuesIn).reduce(either, members.size > 0 ? { members } : undefined);
}

/** The personal values of data that have one of two schemas. */
function either(one: PersonalValues | undefined, other: PersonalValues | undefined): PersonalValues | undefined {
  if (!one || !other || one === other) return one ?? other;
  if (one === 'itself' || other === 'itself' || 'items' in one || 'items' in other) {
    throw new Error('the alternatives of a schema do not agree on which values are personal');
  }
  return { members: new Map([...one.members, ...other.members]) };
}

/** A member outside personal values has a name that only protected values have. */
export class ReservedName extends Error {}

/**
 * A copy of the data of an event whose personal values are protected. Throws ReservedName for another member that begins with
 * `$`, because a reader of the log would take it for a protected value, and NotCanonical for a value that is not JSON.
 */
export function protectedData(
  event: HoldingEvent,
  data: unknown,
  personal: PersonalValues | undefined,
  key: ValueKey,
): unknown {
  const path: PathInData = [];
  const copied = (value: unknown, inValue: PersonalValues | undefined): unknown => {
    if (value === null || value === undefined) return value;
    if (inValue === 'itself') return protect(key, placeOf(event, pointerOf('data', path)), value);
    const inItems = inValue && 'items' in inValue ? inValue.items : undefined;
    const inMembers = inValue && 'members' in inValue ? inValue.members : undefined;
    return withParts(value, path, (part, name) => {
      if (typeof name === 'number') return copied(part, inItems);
      if (name.startsWith('$')) throw new ReservedName(`a member of data begins with $, ${path.length} levels deep`);
      return copied(part, inMembers?.get(name));
    });
  };
  return copied(data, personal);
}

/**
 * A copy of stored data whose protected values are revealed. No revealed value is searched for further ones, so a value of
 * JSON from outside may look like a protected one. Throws UnreadableValue.
 */
export function revealedData(event: HoldingEvent, stored: unknown, key: ValueKey): unknown {
  const path: PathInData = [];
  const copied = (value: unknown): unknown => {
    const isProtected = typeof value === 'object' && value !== null && Object.hasOwn(value, '$p');
    if (isProtected) return reveal(key, placeOf(event, pointerOf('data', path)), value);
    return withParts(value, path, copied);
  };
  return copied(stored);
}

type PathInData = (string | number)[];

/** A copy of a list or an object from copies of its parts. `path` names the part while it is copied. */
function withParts(
  value: unknown,
  path: PathInData,
  copied: (part: unknown, name: string | number) => unknown,
): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const depth = path.length;
  const partOf = (name: string | number, part: unknown) => {
    path[depth] = name;
    const copy = copied(part, name);
    path.length = depth;
    return copy;
  };
  if (Array.isArray(value)) return value.map((item, nth) => partOf(nth, item));
  const copy: Record<string, unknown> = {};
  for (const [name, part] of Object.entries(value)) copy[name] = partOf(name, part);
  return copy;
}
