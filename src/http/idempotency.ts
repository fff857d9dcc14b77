import { createHash } from 'node:crypto';
import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { ApiHeader } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import type { WritingCaller } from '../commands/caller.js';
import { limits } from '../limits.js';
import { callerOf } from './caller.js';
import { InvalidRequest } from './invalid-request.js';

const HEADER = 'Idempotency-Key';
const VISIBLE = /^[\x21-\x7e]+$/;

/** Documents that a route may be asked again without doing its work again. */
export const ApiIdempotencyKey = (): MethodDecorator =>
  ApiHeader({
    name: HEADER,
    required: false,
    description: 'Chosen by the client, one for each command. A repeated request gets the first answer.',
    schema: {
      type: 'string',
      minLength: 1,
      maxLength: limits.idempotencyKeyCharactersMax,
      pattern: VISIBLE.source,
    },
  });

/** What a command that appends needs to know of its request, as an argument of a controller's method. */
export const CurrentWriter = createParamDecorator((_: unknown, context: ExecutionContext): WritingCaller => {
  const request = context.switchToHttp().getRequest<FastifyRequest>();
  const key = keyOf(request);
  return {
    ...callerOf(request),
    ...(key !== undefined && { idempotency: { key, fingerprint: fingerprintOf(request) } }),
  };
});

function keyOf({ headers }: FastifyRequest): string | undefined {
  // Twice the header comes as one value with a comma and a space in it.
  const key = headers[HEADER.toLowerCase()];
  if (key === undefined) return undefined;
  if (typeof key === 'string' && key.length <= limits.idempotencyKeyCharactersMax && VISIBLE.test(key)) return key;
  const message = `must hold 1 to ${limits.idempotencyKeyCharactersMax} visible ASCII characters`;
  throw new InvalidRequest([{ path: HEADER, message }]);
}

/** The same for requests that ask the same thing of the same place, in whatever form they want the answer. */
export function fingerprintOf({ method, url, body }: Pick<FastifyRequest, 'method' | 'url' | 'body'>): string {
  const [path] = url.split('?');
  // No body asks for the same as an empty one.
  return createHash('sha256')
    .update(JSON.stringify([method, path, canonical(body ?? {})]))
    .digest('hex');
}

/** With the names of every object in one order, since their order has no meaning. */
function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
  return Object.fromEntries(fields.map(([name, inner]) => [name, canonical(inner)]));
}
