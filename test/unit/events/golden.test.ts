import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { Type } from '@sinclair/typebox';
import { catalogue } from '../../../src/events/catalogue.js';
import { type CodecParts, createCodec, type TypedEvent } from '../../../src/events/codec.js';
import type { Family, NewEvent, RecordedEvent } from '../../../src/events/envelope.js';

type GoldenEvent = Omit<RecordedEvent, 'data' | 'meta'> & { readonly data: unknown; readonly meta: unknown };
type GoldenFiles = ReadonlyMap<string, GoldenEvent>;

const goldenDirectory = join(import.meta.dirname, '..', '..', 'golden');

function readGolden(directory: string): GoldenFiles {
  const names = existsSync(directory) ? readdirSync(directory).filter((name) => name.endsWith('.json')) : [];
  return new Map(names.map((name) => [name, JSON.parse(readFileSync(join(directory, name), 'utf8'))]));
}

/** Types and versions of which no file tells: each version up to the present one was released once. */
function withoutFile(family: Family, files: GoldenFiles): string[] {
  const told = new Set([...files.values()].map(({ type, schema }) => `${type}.v${schema}`));
  const released = Object.entries(family).flatMap(([type, { schema }]) =>
    Array.from({ length: schema }, (_, nth) => `${type}.v${nth + 1}`),
  );
  return released.filter((version) => !told.has(version));
}

/** Files that do not hold what they are called after, or not an event as a log gives it back. */
function misnamed(files: GoldenFiles): string[] {
  const isNamedAfter = (name: string, { type, schema }: GoldenEvent) => {
    const [, named] = /^([A-Za-z]+\.v\d+)(?:\.[a-z-]+)?\.json$/.exec(name) ?? [];
    return named === `${type}.v${schema}`;
  };
  return [...files].filter(([name, event]) => !isNamedAfter(name, event)).map(([name]) => name);
}

function incomplete(files: GoldenFiles): string[] {
  const keys = ['at', 'data', 'id', 'meta', 'revision', 'schema', 'stream', 'tenant', 'type'];
  const isComplete = (event: GoldenEvent) => JSON.stringify(Object.keys(event).sort()) === JSON.stringify(keys);
  return [...files].filter(([, event]) => !isComplete(event)).map(([name]) => name);
}

/** What a file must decode to today: itself, or what is written down for a version that has passed. */
function expectedOf(name: string, event: GoldenEvent, family: Family, lifted: GoldenFiles): GoldenEvent {
  if (family[event.type]?.schema === event.schema) return event;
  const expected = lifted.get(name);
  if (!expected) throw new Error(`lifted/${name} is missing: what is ${event.type} v${event.schema} today?`);
  return expected;
}

async function decode({ data, meta, ...event }: GoldenEvent, parts?: CodecParts) {
  const stored = { ...event, data: JSON.stringify(data), meta: JSON.stringify(meta) };
  const [decoded] = await createCodec(parts).decode([stored]);
  return decoded;
}

const golden = readGolden(goldenDirectory);
const lifted = readGolden(join(goldenDirectory, 'lifted'));

describe('golden files', () => {
  it('exist for every released type and version', () => {
    expect(withoutFile(catalogue, golden)).toEqual([]);
  });

  it('are named after their event, and complete', () => {
    expect(misnamed(golden)).toEqual([]);
    expect(incomplete(golden)).toEqual([]);
    expect([...lifted.keys()].filter((name) => !golden.has(name))).toEqual([]);
  });

  it.each([...golden])('%s decodes to what it says', async (name, event) => {
    expect(await decode(event)).toEqual(expectedOf(name, event, catalogue, lifted));
  });

  it.each([...golden])('%s of the present version would be written again without a change', async (_, event) => {
    const { id, tenant, at, type, schema, stream, revision } = event;
    if (catalogue[type]?.schema !== schema) return;
    const { data, meta } = (await decode(event)) as TypedEvent;
    const [written] = (await createCodec().encode(stream, [{ type, data, id, tenant, at, meta } as TypedEvent])) as [
      NewEvent,
    ];
    const again = { ...written, stream, revision, data: JSON.parse(written.data), meta: JSON.parse(written.meta) };
    expect(again).toStrictEqual(event);
  });

  it('show every kind of part that a prompt has', () => {
    const prompt = golden.get('PromptAssembled.v2.json') as unknown as { data: { parts: { kind: string }[] } };
    expect(new Set(prompt.data.parts.map(({ kind }) => kind))).toEqual(new Set(['literal', 'text', 'path']));
  });
});

describe('the check of golden files', () => {
  const [[, sample]] = [...golden] as [[string, GoldenEvent]];
  const greeted = (schema: number, data: unknown): GoldenEvent => ({ ...sample, type: 'Greeted', schema, data });
  const family: Family = { Greeted: { schema: 2, data: Type.Object({ text: Type.String() }) } };
  const first = greeted(1, { words: 'hi' });
  const second = greeted(2, { text: 'hi' });

  it('misses the file of a new type and of each version', () => {
    expect(withoutFile({ ...catalogue, ...family }, golden)).toEqual(['Greeted.v1', 'Greeted.v2']);
    expect(withoutFile(family, new Map([['Greeted.v2.json', second]]))).toEqual(['Greeted.v1']);
  });

  it.each(['Greeted.v2.json', 'Welcomed.v1.json', 'Greeted.json', 'Greeted.v1.Case.json', 'Greeted.v1..json'])(
    'refuses the name %s for a Greeted of version 1',
    (name) => {
      expect(misnamed(new Map([[name, first]]))).toEqual([name]);
    },
  );

  it('accepts a name with a case', () => {
    expect(misnamed(new Map([['Greeted.v1.two-words.json', first]]))).toEqual([]);
  });

  it('refuses an event with a part too few or too many', () => {
    const { tenant: _, ...tooFew } = first;
    const tooMany = { ...first, position: '1' };
    expect(
      incomplete(
        new Map([
          ['few', tooFew as GoldenEvent],
          ['many', tooMany as GoldenEvent],
          ['all', first],
        ]),
      ),
    ).toEqual(['few', 'many']);
  });

  it('wants what an old version is lifted to, and compares with that', async () => {
    expect(() => expectedOf('Greeted.v1.json', first, family, new Map())).toThrow(
      /lifted\/Greeted\.v1\.json is missing/,
    );
    const expected = expectedOf('Greeted.v1.json', first, family, new Map([['Greeted.v1.json', second]]));
    const upcasters = { Greeted: { 1: (data: unknown) => ({ text: (data as { words: string }).words }) } };
    expect(await decode(first, { family, upcasters })).toEqual(expected);
  });
});
