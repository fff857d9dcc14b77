import 'reflect-metadata';
import { describe, expect, it } from '@jest/globals';
import { Type } from 'class-transformer';
import { IsArray, IsBoolean, IsInt, IsNumber, IsObject, IsOptional, IsString, ValidateNested } from 'class-validator';
import { IsName, MayBeAbsent } from '../../../src/http/fields.js';
import { InvalidRequest } from '../../../src/http/invalid-request.js';
import { RequestValidationPipe } from '../../../src/http/request-validation.pipe.js';
import { TerminalError } from '../../../src/ports/errors.js';

class Part {
  @IsString()
  text!: string;
}

class Params {
  @IsOptional()
  @IsNumber()
  temperature?: number;
}

class Body {
  @IsName('a name')
  name!: string;

  @IsOptional()
  @IsInt()
  count?: number;

  @IsOptional()
  @IsBoolean()
  flag?: boolean;

  @IsOptional()
  @IsObject()
  @ValidateNested()
  @Type(() => Params)
  params?: Params;

  @IsOptional()
  @IsArray()
  @ValidateNested({ each: true })
  @Type(() => Part)
  parts?: Part[];
}

@MayBeAbsent()
class NothingRequired {}

class SomethingRequired extends NothingRequired {
  @IsString()
  name!: string;
}

const pipe = new RequestValidationPipe();
const validate = (value: unknown) => pipe.transform(value, { type: 'body', metatype: Body });

function refusal(value: unknown): { code: string; errors: Record<string, string> } {
  try {
    validate(value);
  } catch (error) {
    const { code, errors } = error as InvalidRequest;
    return { code, errors: Object.fromEntries(errors.map(({ path, message }) => [path, message])) };
  }
  throw new Error('it was taken');
}

describe('the validation of requests', () => {
  it('passes a body that its class declares', () => {
    const value = { name: 'a', count: 1, flag: false, params: { temperature: 0.5 }, parts: [{ text: '' }] };
    expect(validate(value)).toEqual(value);
    expect(validate({ name: 'a' })).toBeInstanceOf(Body);
  });

  it('reports every mistake at once, by path', () => {
    const value = {
      name: 1,
      count: 1.5,
      params: { temperature: 'hot', top_k: 1 },
      parts: [{ text: 'a' }, { text: 2, more: 1 }, 'b'],
      extra: { deep: true },
    };
    const { code, errors } = refusal(value);
    expect(code).toBe('invalid_request');
    expect(Object.keys(errors).sort()).toEqual(
      [
        'count',
        'extra',
        'name',
        'params.temperature',
        'params.top_k',
        'parts[1].more',
        'parts[1].text',
        'parts[2]',
      ].sort(),
    );
    expect(errors).toMatchObject({ extra: 'is not a known field', 'parts[1].text': 'must be a string' });
  });

  it.each([
    [{ name: 'a', count: '1' }, 'count'],
    [{ name: 'a', flag: 'true' }, 'flag'],
    [{ name: 'a', flag: 1 }, 'flag'],
    [{ name: 'a', params: { temperature: '1' } }, 'params.temperature'],
    [{ name: 'a', params: [] }, 'params'],
    [{ name: 'a', params: 'x' }, 'params'],
    [{ name: 'a', parts: {} }, 'parts'],
    [{ name: ['a'] }, 'name'],
    [{ name: null }, 'name'],
    [{}, 'name'],
  ])('converts nothing: %j', (value, path) => {
    const { code, errors } = refusal(value);
    expect([code, Object.keys(errors)]).toEqual(['invalid_request', expect.arrayContaining([path])]);
  });

  it.each([[undefined], [null], [[]], ['x'], [1], [true], [[{ name: 'a' }]]])('needs an object: %j', (value) => {
    expect(refusal(value)).toEqual({ code: 'invalid_request', errors: { '': 'must be a JSON object' } });
  });

  it.each(Object.getOwnPropertyNames(Object.prototype).filter((name) => name !== '__proto__'))(
    'refuses the unknown field %s, which every object inherits',
    (name) => {
      expect(refusal({ name: 'a', [name]: 1 }).errors).toEqual({ [name]: 'is not a known field' });
      expect(refusal({ name: 'a', params: { [name]: {} } }).errors).toEqual({
        [`params.${name}`]: 'is not a known field',
      });
    },
  );

  it('distinguishes a broken rule from a wrong shape', () => {
    for (const name of ['', ' \n', 'a'.repeat(201)]) expect(refusal({ name }).code).toBe('value_refused');
    expect(refusal({ name: '', count: '1' }).code).toBe('invalid_request');
    expect(validate({ name: 'a'.repeat(200) })).toBeDefined();
  });

  it('leaves alone what no class describes', () => {
    for (const metatype of [undefined, String, Object])
      expect(pipe.transform('x', { type: 'param', metatype })).toBe('x');
    expect(pipe.transform('x', { type: 'custom', metatype: Body })).toBe('x');
  });

  it('lets no body pass that no class describes', () => {
    for (const metatype of [undefined, String, Object])
      expect(() => pipe.transform({}, { type: 'body', metatype })).toThrow(TerminalError);
  });

  it('takes no body for an empty one where its class says so, and nothing else for it', () => {
    expect(pipe.transform(undefined, { type: 'body', metatype: NothingRequired })).toEqual({});
    expect(pipe.transform({}, { type: 'body', metatype: NothingRequired })).toEqual({});
    for (const value of [null, [], '', 0])
      expect(() => pipe.transform(value, { type: 'body', metatype: NothingRequired })).toThrow(InvalidRequest);
    expect(() => pipe.transform({ a: 1 }, { type: 'body', metatype: NothingRequired })).toThrow(InvalidRequest);
    expect(() => pipe.transform(undefined, { type: 'body', metatype: SomethingRequired })).toThrow(InvalidRequest);
  });
});
