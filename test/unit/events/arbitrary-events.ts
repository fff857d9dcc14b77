import { type TSchema, Type } from '@sinclair/typebox';
import fc from 'fast-check';
import { catalogue, type DomainEvent } from '../../../src/events/catalogue.js';
import { Metadata } from '../../../src/events/envelope.js';
import { anyCharacter } from '../../support/any-character.js';

/** Texts as people and models write them, and as they never should: NUL, emoji, halves of surrogate pairs. */
export const anyText = fc.oneof(
  fc.string({ unit: anyCharacter }),
  fc
    .array(fc.oneof(fc.constantFrom('\0', '\ud83d', '\ude00', '😀', '"', '\\', '\u2028'), fc.string({ maxLength: 3 })))
    .map((pieces) => pieces.join('')),
);

/** Free-form data. JSON.stringify writes -0 as 0, so that is drawn as what it becomes. */
const anyJson = fc.jsonValue().map((value) => JSON.parse(JSON.stringify(value)));

/** Any value that a schema admits. It knows the kinds of schema that events are made of, and stops at any other. */
export function valuesOf(schema: TSchema): fc.Arbitrary<unknown> {
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.anyOf) return fc.oneof(...(schema.anyOf as TSchema[]).map(valuesOf));
  switch (schema.type) {
    case 'string':
      return anyText;
    case 'integer':
      return fc.integer({ min: schema.minimum });
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    case 'array':
      return fc.array(valuesOf(schema.items), { minLength: schema.minItems, maxLength: 4 });
    case 'object':
      return schema.patternProperties ? fc.dictionary(anyText, anyJson, { maxKeys: 3 }) : objectsOf(schema);
    default:
      throw new Error(`no arbitrary for ${JSON.stringify(schema)}`);
  }
}

function objectsOf(schema: TSchema): fc.Arbitrary<unknown> {
  const properties = Object.entries<TSchema>(schema.properties);
  return fc.record(Object.fromEntries(properties.map(([name, property]) => [name, valuesOf(property)])), {
    requiredKeys: schema.required ?? [],
  });
}

/** Of events without protection. */
export const anyMetadata = valuesOf(Type.Omit(Metadata, ['key', 'p'])) as fc.Arbitrary<Metadata>;

export const eventsOfType = (type: string): fc.Arbitrary<DomainEvent> => {
  const data = valuesOf((catalogue[type] as { data: TSchema }).data);
  return data.map((drawn) => ({ type, data: drawn }) as DomainEvent);
};
