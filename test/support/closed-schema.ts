/** A schema of JSON Schema 2020-12, as far as these tests look into one. */
export interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly allOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly [keyword: string]: unknown;
}

export type Resolve = (reference: string) => Schema;

const TOGETHER = ['allOf', 'anyOf', 'oneOf'] as const;

/**
 * The same schema with what it refers to in its place, and with every object that it describes closed: a property that
 * no part of it names is refused. An object of which nothing is said stays open.
 */
export function closedSchema(schema: Schema, resolve: Resolve): Schema {
  const whole = inlined(schema, resolve, []);
  return describesProperties(whole) ? { ...whole, unevaluatedProperties: false } : whole;
}

/** Only its inner places are closed: what stands beside a part of a schema may name more properties of the same object. */
function inlined({ $ref, ...schema }: Schema, resolve: Resolve, trail: readonly string[]): Schema {
  if ($ref !== undefined && trail.includes($ref)) throw new Error(`${$ref} leads back to itself`);
  const inside = $ref === undefined ? trail : [...trail, $ref];
  const place = (inner: Schema) => {
    const whole = inlined(inner, resolve, trail);
    return describesProperties(whole) ? { ...whole, unevaluatedProperties: false } : whole;
  };
  const parts = TOGETHER.flatMap((keyword) => {
    const standing = schema[keyword]?.map((part) => inlined(part, resolve, trail)) ?? [];
    const referred = keyword === 'allOf' && $ref !== undefined ? [inlined(resolve($ref), resolve, inside)] : [];
    const all = [...referred, ...standing];
    return all.length > 0 ? [[keyword, all]] : [];
  });
  return {
    ...schema,
    ...Object.fromEntries(parts),
    ...(schema.properties && { properties: mapped(schema.properties, place) }),
    ...(schema.items && { items: place(schema.items) }),
  };
}

function describesProperties(schema: Schema): boolean {
  const parts = TOGETHER.flatMap((keyword) => schema[keyword] ?? []);
  return schema.properties !== undefined || parts.some(describesProperties);
}

const mapped = (schemas: Readonly<Record<string, Schema>>, change: (schema: Schema) => Schema) =>
  Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, change(schema)]));
