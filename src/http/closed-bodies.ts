import type { OpenAPIObject } from '@nestjs/swagger';

type Schemas = NonNullable<NonNullable<OpenAPIObject['components']>['schemas']>;

const REFERENCE = /^#\/components\/schemas\/([^/]+)$/;

/** Documents that objects in request bodies take no other properties: the server refuses unknown ones. */
export function withClosedBodies(document: OpenAPIObject): OpenAPIObject {
  const schemas: Schemas = { ...document.components?.schemas };
  const bodies = Object.values(document.paths).flatMap((path) =>
    Object.values(path as object).map((operation: { requestBody?: unknown }) => operation.requestBody),
  );
  const seen = new Set<string>();
  const close = (place: unknown): void => {
    for (const name of namesIn(place)) {
      const schema = schemas[name];
      if (schema === undefined || seen.has(name)) continue;
      seen.add(name);
      if (!('$ref' in schema)) schemas[name] = { ...schema, additionalProperties: false };
      close(schema);
    }
  };
  close(bodies);
  return { ...document, components: { ...document.components, schemas } };
}

/** The schemas to which a part of the document refers. */
function namesIn(place: unknown): string[] {
  if (typeof place !== 'object' || place === null) return [];
  return Object.entries(place).flatMap(([name, inner]) => {
    if (name !== '$ref') return namesIn(inner);
    const [, referred] = REFERENCE.exec(String(inner)) ?? [];
    return referred === undefined ? [] : [referred];
  });
}
