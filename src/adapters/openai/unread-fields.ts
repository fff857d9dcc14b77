import { jsonWithin } from '../../events/bounded-json.js';
import { limits } from '../../limits.js';
import type { ModelOutput } from '../../ports/language-model.js';

/** Deep enough for the arguments of a tool call: delta.tool_calls.0.function.arguments. */
const NAMES_PER_PATH_MAX = 5;

/** The fields that are read of a record, and whether a value has the type in which its field is read. */
export type ReadFields = Readonly<Record<string, (value: unknown) => boolean>>;

export const isText = (value: unknown): boolean => typeof value === 'string';
export const isNumber = (value: unknown): boolean => typeof value === 'number';
export const ofAnyType = (): boolean => true;

/** The fields of a record that are not read, or not in this type, and that say something; nothing when there is none. */
export function unreadFields(
  record: Readonly<Record<string, unknown>>,
  read: ReadFields,
): Record<string, unknown> | undefined {
  let unread: Record<string, unknown> | undefined;
  for (const name in record) {
    const value = record[name];
    // A provider may name a field `constructor`.
    if (!isGiven(value) || (Object.hasOwn(read, name) && read[name]?.(value))) continue;
    unread ??= Object.create(null) as Record<string, unknown>;
    unread[name] = value;
  }
  return unread;
}

/** Unread fields as one line of JSON. Of fields that are too large the line has the names alone. */
export function unreadPiece(fields: object): ModelOutput {
  const json = jsonWithin(fields, limits.unreadFieldsBytesMax) ?? JSON.stringify(namesOf(fields));
  return { type: 'text', channel: 'other', text: `${json}\n` };
}

export const isGiven = (value: unknown): boolean => value !== undefined && value !== null && value !== '';

function namesOf(fields: object): { tooLarge: readonly string[]; namesLeftOut?: true } {
  const tooLarge: string[] = [];
  for (const path of innermostPaths(fields, [])) {
    if (tooLarge.length === limits.unreadNamesMax) return { tooLarge, namesLeftOut: true };
    tooLarge.push(cut(path.join('.')));
  }
  return { tooLarge };
}

function* innermostPaths(value: unknown, path: readonly string[]): Iterable<readonly string[]> {
  let hasFields = false;
  if (typeof value === 'object' && value !== null && path.length < NAMES_PER_PATH_MAX) {
    for (const name in value) {
      hasFields = true;
      yield* innermostPaths((value as Record<string, unknown>)[name], [...path, name]);
    }
  }
  if (!hasFields) yield path;
}

function cut(name: string): string {
  const { unreadNameCharactersMax: most } = limits;
  return name.length > most ? `${name.slice(0, most - 1)}…` : name;
}
