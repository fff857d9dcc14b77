import { describe, expect, it } from '@jest/globals';
import type { TSchema } from '@sinclair/typebox';
import { catalogue } from '../../../src/events/catalogue.js';
import { personalValues } from './personal-values.js';

function markedIn(schema: TSchema, here = ''): string[] {
  if (schema.personal === true) return [here];
  const alternatives: TSchema[] = schema.anyOf ?? [];
  const properties = Object.entries<TSchema>(schema.properties ?? {});
  const marked = [
    ...alternatives.flatMap((alternative) => markedIn(alternative, here)),
    ...properties.flatMap(([name, property]) => markedIn(property, `${here}/${name}`)),
    ...(schema.items ? markedIn(schema.items, `${here}/*`) : []),
  ];
  return [...new Set(marked)];
}

describe('personal values', () => {
  it('are listed for every event type', () => {
    expect(Object.keys(personalValues).sort()).toEqual(Object.keys(catalogue).sort());
  });

  it.each(Object.entries(personalValues))('of %s are marked, and no other value is', (type, values) => {
    expect(markedIn((catalogue[type] as { data: TSchema }).data)).toEqual(values);
  });
});
