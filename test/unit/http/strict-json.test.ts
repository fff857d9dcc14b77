import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { InvalidRequest } from '../../../src/http/invalid-request.js';
import { parseStrictJson } from '../../../src/http/strict-json.js';
import { limits } from '../../../src/limits.js';
import { anyCharacter } from '../../support/any-character.js';

const parse = (text: string) => parseStrictJson(Buffer.from(text));

/** What it is refused for, or nothing. */
function refusal(body: string | Buffer): unknown {
  try {
    parseStrictJson(Buffer.from(body));
    return undefined;
  } catch (error) {
    return (error as InvalidRequest).errors;
  }
}

/** Any JSON, odd names and odd texts included, without the names that are refused on purpose. */
const names = fc.oneof(
  fc.string({ unit: anyCharacter }),
  fc.constantFrom('"', '\\', 'a.b', '', 'toString', '{', '[,]'),
);
const json = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 6 },
    fc.oneof(fc.string({ unit: anyCharacter }), fc.double(), fc.boolean(), fc.constant(null), names),
    fc.array(tie('value'), { maxLength: 5 }),
    fc.dictionary(
      names.filter((name) => name !== '__proto__' && name !== 'prototype'),
      tie('value'),
      { maxKeys: 5 },
    ),
  ),
})).value;
const spaces = fc.constantFrom('', ' ', '\n\t', '\r ');

describe('strict JSON', () => {
  it('reads whatever JSON.stringify writes as JSON.parse does', () => {
    fc.assert(
      fc.property(json, fc.constantFrom(undefined, 1, '\t'), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        expect(parse(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  it('refuses whatever JSON.parse refuses, and otherwise reads the same', () => {
    const symbols = fc.constantFrom('{', '}', '[', ']', ',', ':', '"', '\\', 'a', '1', ' ', 'true', '"a":', '\\u0022');
    fc.assert(
      fc.property(fc.array(symbols, { maxLength: 12 }), (parts) => {
        const text = parts.join('');
        const expected = attempt(() => JSON.parse(text));
        const got = attempt(() => parse(text));
        if (!expected) expect(got).toBeUndefined();
        else if (got) expect(got).toEqual(expected);
        else expect(JSON.stringify(refusal(text))).toMatch(/twice/);
      }),
      { numRuns: 2_000 },
    );
  });

  it('refuses any document with a repeated name in one object, at any depth', () => {
    const unit = (index: number, name: string) => `\\u${name.charCodeAt(index).toString(16).padStart(4, '0')}`;
    const escaped = (name: string) => `"${Array.from({ length: name.length }, (_, at) => unit(at, name)).join('')}"`;
    const depth = fc.array(fc.constantFrom('object', 'array'), { maxLength: 6 });
    fc.assert(
      fc.property(names, json, json, depth, spaces, fc.boolean(), (name, one, other, around, space, disguise) => {
        fc.pre(!['__proto__', 'prototype'].includes(name));
        const again = disguise ? escaped(name) : JSON.stringify(name);
        const [a, b] = [JSON.stringify(one), JSON.stringify(other)];
        let text = `{${space}${JSON.stringify(name)}${space}:${a},"between names":0,${again}:${space}${b}}`;
        for (const layer of around) text = layer === 'array' ? `[0,${text}]` : `{"x":${space}${text}}`;
        JSON.parse(text);
        expect(refusal(text)).toEqual([{ path: expect.any(String), message: 'occurs twice in its object' }]);
      }),
    );
  });

  it.each([
    ['{"a":{"b":1,"b":2}}', 'a.b', 'occurs twice in its object'],
    ['{"parts":[{"text":"a"},{"text":"b","text":"c"}]}', 'parts[1].text', 'occurs twice in its object'],
    ['{"a":1,"\\u0061":2}', 'a', 'occurs twice in its object'],
    ['{"__proto__":{"admin":true}}', '__proto__', 'is not allowed as a name'],
    ['{"a":[{"\\u005f_proto__":1}]}', 'a[0].__proto__', 'is not allowed as a name'],
    ['{"constructor":{"prototype":{}}}', 'constructor.prototype', 'is not allowed as a name'],
    ['{"a b":{"c":1,"c":2}}', '["a b"].c', 'occurs twice in its object'],
    ['{"a":', '', 'is not JSON'],
    ['{"a":1}}', '', 'is not JSON'],
    ['{"a":1,}', '', 'is not JSON'],
    ["{'a':1}", '', 'is not JSON'],
    ['{"a":NaN}', '', 'is not JSON'],
    ['"unterminated', '', 'is not JSON'],
    ['"\\', '', 'is not JSON'],
    ['\ufeff{}', '', 'is not JSON'],
    [' ', '', 'is not JSON'],
  ])('refuses %s and names the place', (text, path, message) => {
    expect(refusal(text)).toEqual([{ path, message }]);
  });

  it('refuses bytes that are not UTF-8', () => {
    for (const bytes of [
      [0x22, 0xff, 0x22],
      [0x22, 0xc3, 0x22],
      [0x22, 0xed, 0xa0, 0x80, 0x22],
    ])
      expect(refusal(Buffer.from(bytes))).toEqual([{ path: '', message: 'is not UTF-8' }]);
  });

  it('lets NUL and lone surrogates pass: rules judge them', () => {
    expect(parse('{"a":"\\u0000\\ud800"}')).toEqual({ a: '\0\ud800' });
  });

  it('lets "constructor" and "prototype" alone pass', () => {
    expect(parse('{"prototype":1,"constructor":[{"prototype":1}]}')).toEqual({
      prototype: 1,
      constructor: [{ prototype: 1 }],
    });
  });

  it('takes the greatest depth and refuses one more, 200,000 more at once', () => {
    const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
    expect(refusal(nested(limits.jsonDepthMax))).toBeUndefined();
    expect(refusal(nested(limits.jsonDepthMax + 1))).toMatchObject([{ message: 'is nested too deeply' }]);
    const before = process.cpuUsage();
    expect(refusal(nested(200_000))).toMatchObject([{ message: 'is nested too deeply' }]);
    expect(refusal('{"a":'.repeat(200_000))).toMatchObject([{ message: 'is nested too deeply' }]);
    expect(process.cpuUsage(before).user).toBeLessThan(10_000_000);
  });

  it.each([
    ['a long text', `"${'a'.repeat(1_000_000)}"`],
    ['many backslashes', `"${'\\\\'.repeat(500_000)}"`],
    ['a quotation mark behind each backslash', `"${'\\"'.repeat(500_000)}"`],
  ])('reads %s in time', (_, text) => {
    const before = process.cpuUsage();
    parse(text);
    expect(process.cpuUsage(before).user).toBeLessThan(10_000_000);
  });

  it('refuses more values than validation can walk in a moment, and stops there', () => {
    const fields = (count: number) => `{${Array.from({ length: count }, (_, nth) => `"${nth}":0`).join()}}`;
    const most = limits.jsonValuesMax - 1;
    expect(Object.keys(parse(fields(most)) as object)).toHaveLength(most);
    const message = `holds more than ${limits.jsonValuesMax} values`;
    expect(refusal(fields(most + 1))).toMatchObject([{ message }]);
    expect(refusal(`[${'[],'.repeat(most)}`)).toMatchObject([{ message }]);
    const before = process.cpuUsage();
    expect(refusal(fields(100_000))).toMatchObject([{ message }]);
    expect(process.cpuUsage(before).user).toBeLessThan(10_000_000);
  });
});

function attempt(read: () => unknown): { value: unknown } | undefined {
  try {
    return { value: read() };
  } catch {
    return undefined;
  }
}
