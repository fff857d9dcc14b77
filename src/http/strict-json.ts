import type { IncomingHttpHeaders } from 'node:http';
import { UnsupportedMediaTypeException } from '@nestjs/common';
import type { FastifyInstance } from 'fastify';
import { limits } from '../limits.js';
import { InvalidRequest, pathTo } from './invalid-request.js';

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * JSON without its dark corners: what two readers could understand differently is refused. Texts are taken as they
 * are; whether a NUL or half a surrogate pair may stand in one is decided by the rules about that text.
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

/** A body that has to be unpacked first: how large it becomes would be known only by then. */
const isPacked = ({ 'content-encoding': coding = 'identity' }: IncomingHttpHeaders): boolean =>
  coding.toLowerCase() !== 'identity';

/** The only content type that is taken. An empty body is none: whether one is needed is for the route to say. */
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

/** An object or array that has been entered and not left. */
interface Open {
  /** The names that were seen; absent in an array. */
  readonly names?: Set<string>;
  /** The name or index at which the scan stands. */
  at: string | number;
  nameIsNext: boolean;
}

/**
 * Goes once over the text without recursion, and finds what JSON.parse would pass over in silence or choke on: a name
 * that stands twice in an object, a name that reaches for a prototype, depth, and more values than validation can walk
 * in a moment. The rest of the syntax is left to
 * JSON.parse, so this only has to be right about texts that are JSON.
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
  // What merges or copies objects further in may follow these to the prototype of all objects.
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
