import { limits } from '../../limits.js';
import { jsonWithin, type ModelOutput } from '../../ports/language-model.js';

/** Deep enough for the arguments of a tool call: delta.tool_calls.0.function.arguments. */
const NAMES_PER_PATH_MAX = 5;

/** The fields that are read from a record, and a check of the type of each. */
export type ReadFields = Readonly<Record<string, (value: unknown) => boolean>>;

export const isText = (value: unknown): boolean => typeof value === 'string';
export const isNumber = (value: unknown): boolean => typeof value === 'number';
export const ofAnyType = (): boolean => true;

/** The fields of a record that are unknown or of another type, and not empty. Undefined if there is none. */
export function unreadFields(
  record: Readonly<Record<string, unknown>>,
  read: ReadFields,
): Record<string, unknown> | undefined {
  let unread: Record<string, unknown> | undefined;
  for (const name in record) {
    const value = record[name];
    // The name of a provider's field may be `constructor`.
    if (!isGiven(value) || (Object.hasOwn(read, name) && read[name]?.(value))) continue;
    unread ??= Object.create(null) as Record<string, unknown>;
    unread[name] = value;
  }
  return unread;
}

/** Unread fields as one line of JSON. If they are too large, the line has only their names. */
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
