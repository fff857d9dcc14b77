import type { IncomingHttpHeaders } from 'node:http';
import { UnsupportedMediaTypeException } from '@nestjs/common';
import type { FastifyInstance } from 'fastify';
import { limits } from '../limits.js';
import { InvalidRequest, pathTo } from './invalid-request.js';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Parses JSON, and refuses what two parsers could read differently. Texts are not checked: the rules of each field decide
 * whether it may hold a NUL or half a surrogate pair.
 */
export function parseStrictJson(body: Buffer): unknown {
  const text = decode(body);
  refuseTraps(text);
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own message quotes the body.
    throw refusal([], 'is not JSON');
  }
}

/** A compressed body: its size would be known only after unpacking. */
const isPacked = ({ 'content-encoding': coding = 'identity' }: IncomingHttpHeaders): boolean =>
  coding.toLowerCase() !== 'identity';

/** The only accepted content type. An empty body counts as absent; the route decides whether it needs one. */
export function acceptStrictJsonOnly(server: FastifyInstance): void {
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('application/json', { parseAs: 'buffer' }, ({ headers }, body, done) => {
    try {
      if (isPacked(headers)) throw new UnsupportedMediaTypeException();
      done(null, body.length === 0 ? undefined : parseStrictJson(body as Buffer));
    } catch (error) {
      done(error as Error);
    }
  });
}

function decode(body: Buffer): string {
  try {
    return utf8.decode(body);
  } catch {
    throw refusal([], 'is not UTF-8');
  }
}

/** An object or array whose end the scan has not reached. */
interface Open {
  /** The names that the object has so far. Absent for an array. */
  readonly names?: Set<string>;
  /** The present name or index. */
  at: string | number;
  nameIsNext: boolean;
}

/**
 * Scans the text once without recursion. Finds what JSON.parse accepts or fails on: a repeated name in an object, a name
 * of a prototype, deep nesting, and too many values to validate. JSON.parse checks the rest of the syntax, so the scan
 * has to be right only about valid JSON.
 */
function refuseTraps(text: string): void {
  const open: Open[] = [];
  let values = 1;
  for (let index = 0; index < text.length; index++) {
    const inner = open.at(-1);
    switch (text[index]) {
      case '"': {
        const end = endOfString(text, index);
        if (inner?.nameIsNext) enter(open, inner, nameFrom(text.slice(index, end + 1), open));
        index = end;
        break;
      }
      case '{':
        open.push({ names: new Set(), at: '', nameIsNext: true });
        values += 1;
        break;
      case '[':
        open.push({ at: 0, nameIsNext: false });
        values += 1;
        break;
      case ',':
        if (inner) advance(inner);
        values += 1;
        break;
      case '}':
      case ']':
        open.pop();
        break;
    }
    if (values > limits.jsonValuesMax) throw refusal([], `holds more than ${limits.jsonValuesMax} values`);
    if (open.length > limits.jsonDepthMax) throw refusal(stepsOf(open.slice(0, -1)), 'is nested too deeply');
  }
}

function advance(inner: Open): void {
  if (typeof inner.at === 'number') inner.at += 1;
  else inner.nameIsNext = true;
}

function enter(open: readonly Open[], inner: Open, name: string): void {
  const owner = open.at(-2)?.at;
  const repeated = inner.names?.has(name);
  inner.names?.add(name);
  inner.at = name;
  inner.nameIsNext = false;
  if (repeated) throw refusal(stepsOf(open), 'occurs twice in its object');
  // Code that merges or copies objects could change the prototype of all objects through these names.
  if (name === '__proto__' || (name === 'prototype' && owner === 'constructor')) {
    throw refusal(stepsOf(open), 'is not allowed as a name');
  }
}

/** The index of the closing quotation mark, or of the end of a text that lacks it. */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end >= 0; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text[end - 1 - backslashes] === '\\') backslashes += 1;
    if (backslashes % 2 === 0) return end;
  }
  return text.length;
}

function nameFrom(literal: string, open: readonly Open[]): string {
  if (!literal.includes('\\')) return literal.slice(1, -1);
  try {
    return JSON.parse(literal);
  } catch {
    throw refusal(stepsOf(open.slice(0, -1)), 'is not JSON');
  }
}

const stepsOf = (open: readonly Open[]) => open.map(({ at }) => at);

function refusal(steps: readonly (string | number)[], message: string): InvalidRequest {
  return new InvalidRequest([{ path: pathTo(steps), message }]);
}
