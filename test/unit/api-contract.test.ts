import { describe, expect, it } from '@jest/globals';
import { ApiContract, type ApiDocument } from '../support/api-contract.js';
import type { Schema } from '../support/closed-schema.js';

const JSON_TYPE = { 'content-type': 'application/json; charset=utf-8' };
const answer = (json: unknown, headers: Record<string, string> = JSON_TYPE, status = 200) => ({
  status,
  headers,
  json,
  text: json === undefined ? '' : JSON.stringify(json),
});

const schemas: Record<string, Schema> = {
  Named: { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] },
  Aged: { allOf: [{ $ref: '#/components/schemas/Named' }], properties: { age: { type: ['number', 'null'] } } },
  Family: {
    type: 'object',
    properties: {
      children: { type: 'array', items: { $ref: '#/components/schemas/Named' } },
      partner: { anyOf: [{ $ref: '#/components/schemas/Aged' }, { type: 'null' }] },
      notes: { type: 'object' },
    },
  },
};

const contractOf = (schema: Schema, response = {}, path = '/things/{id}') =>
  new ApiContract({
    openapi: '3.1.0',
    paths: {
      [path]: {
        get: { parameters: [], responses: { 200: { content: { 'application/json': { schema } }, ...response } } },
      },
    },
    components: { schemas },
  } satisfies ApiDocument);
const of = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });

describe('a contract finds', () => {
  it.each<[string, Schema, unknown]>([
    ['a property that is not documented', of('Named'), { name: 'a', age: 1 }],
    ['one in a list', of('Family'), { children: [{ name: 'a' }, { name: 'b', x: 1 }] }],
    ['one beside those of two schemas', of('Aged'), { name: 'a', age: 1, x: 1 }],
    ['one in what may be null', of('Family'), { partner: { name: 'a', x: 1 } }],
    ['a missing property', of('Named'), {}],
    ['a null that is not documented', of('Named'), { name: null }],
    ['a value of another type', of('Aged'), { name: 'a', age: '1' }],
    ['a value that is none of those', { enum: ['a', 'b'] }, 'c'],
    ['a text that is no time', { type: 'string', format: 'date-time' }, 'now'],
  ])('%s', (_, schema, json) => {
    expect(contractOf(schema).breaches('GET', '/things/1', answer(json))).toHaveLength(1);
  });

  it.each<[string, Schema, unknown]>([
    ['what is documented', of('Family'), { children: [{ name: 'a' }], partner: { name: 'b', age: null } }],
    ['null where it may be', of('Family'), { partner: null }],
    ['anything in an object of which nothing is said', of('Family'), { notes: { a: { b: 1 } } }],
  ])('nothing in %s', (_, schema, json) => {
    expect(contractOf(schema).breaches('GET', '/things/1', answer(json))).toEqual([]);
  });

  it('a route, a status, a type of content and headers that are not documented, or are missing', () => {
    const headers = { Needed: { required: true }, Possible: {} };
    const contract = contractOf(of('Named'), { headers });
    const all = { ...JSON_TYPE, needed: 'x', possible: 'y' };
    const named = { name: 'a' };
    const breaches = (method: string, url: string, ...args: Parameters<typeof answer>) =>
      contract.breaches(method, url, answer(...args));
    expect(breaches('GET', '/things/1?x=1', named, all)).toEqual([]);
    expect(breaches('GET', '/things', named, all)).toHaveLength(1);
    expect(breaches('GET', '/things/1/2', named, all)).toHaveLength(1);
    expect(breaches('POST', '/things/1', named, all)).toHaveLength(1);
    expect(breaches('GET', '/things/1', named, all, 404)).toHaveLength(1);
    expect(breaches('GET', '/things/1', named, { ...all, 'content-type': 'text/plain' })).toHaveLength(1);
    expect(breaches('GET', '/things/1', named, { ...all, foreign: 'z' })).toHaveLength(1);
    expect(breaches('GET', '/things/1', named, JSON_TYPE)).toHaveLength(1);
  });

  it('a body where none is documented', () => {
    const contract = contractOf({}, { content: undefined });
    expect(contract.breaches('GET', '/things/1', answer(undefined, {}))).toEqual([]);
    expect(contract.breaches('GET', '/things/1', answer({}))).toHaveLength(1);
  });

  it('routes that no test has called: only an answered call counts', () => {
    const contract = contractOf(of('Named'), {});
    expect(contract.unseen()).toEqual(['GET /things/{id} 200']);
    contract.breaches('GET', '/things/1', answer({}, JSON_TYPE, 500));
    expect(contract.unseen()).toEqual(['GET /things/{id} 200']);
    contract.breaches('GET', '/things/1', answer({ name: 'a' }));
    expect(contract.unseen()).toEqual([]);
  });

  it.each<[string, Schema]>([
    ['a reference that leads nowhere', of('Nobody')],
    ['a keyword that there is not', { type: 'string', largest: 1 }],
    ['a type that there is not', { type: 'text' }],
  ])('%s', (_, schema) => {
    expect(() => contractOf(schema).compileAll()).toThrow();
  });
});
