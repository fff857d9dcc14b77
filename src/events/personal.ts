import type { TSchema } from '@sinclair/typebox';

/** Whose text it is: what erasure and encryption will be keyed by. */
export interface Subject {
  readonly tenant: string;
  readonly owner: string | undefined;
  readonly conversation: string | undefined;
}

/** The one hook that every personal text passes on its way into the log and out of it. */
export interface Protection {
  protect(text: string, subject: Subject): string;
  reveal(text: string, subject: Subject): string;
}

export const noProtection: Protection = { protect: (text) => text, reveal: (text) => text };

const EVERY_ITEM = '*';
type Path = readonly string[];

/** Where the personal texts of a shape stand, read off the marks in its schema. */
export function personalPaths(schema: TSchema, here: Path = []): Path[] {
  if (schema.personal === true) return [here];
  const members: TSchema[] = schema.anyOf ?? [];
  const properties: [string, TSchema][] = Object.entries(schema.properties ?? {});
  return [
    ...members.flatMap((member) => personalPaths(member, here)),
    ...properties.flatMap(([name, property]) => personalPaths(property, [...here, name])),
    ...(schema.items ? personalPaths(schema.items, [...here, EVERY_ITEM]) : []),
  ];
}

/** `data` with the text at each path replaced; what is absent or null stays so, and what does not change is not copied. */
export function mapPersonal(data: unknown, paths: readonly Path[], change: (text: string) => string): unknown {
  let changed = data;
  for (const path of paths) changed = mapAt(changed, path, 0, change);
  return changed;
}

function mapAt(value: unknown, path: Path, depth: number, change: (text: string) => string): unknown {
  const step = path[depth];
  if (step === undefined) return typeof value === 'string' ? change(value) : value;
  if (step === EVERY_ITEM) {
    if (!Array.isArray(value)) return value;
    const items = value.map((item) => mapAt(item, path, depth + 1, change));
    return items.every((item, index) => item === value[index]) ? value : items;
  }
  if (typeof value !== 'object' || value === null || !(step in value)) return value;
  const record = value as Record<string, unknown>;
  const changed = mapAt(record[step], path, depth + 1, change);
  return changed === record[step] ? record : { ...record, [step]: changed };
}
