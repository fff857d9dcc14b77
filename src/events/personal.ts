import type { TSchema } from '@sinclair/typebox';

/** Whose text it is: what erasure and encryption will be keyed by. */
export interface Subject {
  readonly tenant: string;
  readonly owner: string | null;
  readonly conversation: string | null;
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

/** A copy of `data` with the text at each path replaced; what is absent or null stays so. */
export function mapPersonal(data: unknown, paths: readonly Path[], change: (text: string) => string): unknown {
  return paths.reduce((changed, path) => mapAt(changed, path, 0, change), data);
}

function mapAt(value: unknown, path: Path, depth: number, change: (text: string) => string): unknown {
  const step = path[depth];
  if (step === undefined) return typeof value === 'string' ? change(value) : value;
  if (step === EVERY_ITEM) {
    return Array.isArray(value) ? value.map((item) => mapAt(item, path, depth + 1, change)) : value;
  }
  if (typeof value !== 'object' || value === null || !(step in value)) return value;
  const record = value as Record<string, unknown>;
  return { ...record, [step]: mapAt(record[step], path, depth + 1, change) };
}
