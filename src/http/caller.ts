import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import { ApiHeader } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { principalOf } from '../auth/principal.js';
import type { Caller, WritingCaller } from '../commands/origin.js';
import { limits } from '../limits.js';
import { InvalidRequest } from './invalid-request.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** The traceparent of the span of this request. Absent if tracing is off. */
    traceparent?: string;
  }
}

/** The caller of a command, from its request. */
function callerOf(request: FastifyRequest): Caller {
  const { tenant, user } = principalOf(request);
  const traceparent = traceparentIn(request);
  return { tenant, user, traceId: request.id, ...(traceparent && { traceparent }) };
}

export const traceparentIn = (request: FastifyRequest): string | undefined =>
  request.traceparent ?? traceparentOf(request.raw);

/** Injects the caller into a controller's method. */
export const CurrentCaller = createParamDecorator(
  (_: unknown, context: ExecutionContext): Caller => callerOf(context.switchToHttp().getRequest<FastifyRequest>()),
);

const HEADER = 'Idempotency-Key';
const VISIBLE = /^[\x21-\x7e]+$/;

/** Documents that a route accepts an idempotency key. */
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

/** Injects the caller of a command that appends into a controller's method. */
export const CurrentWriter = createParamDecorator((_: unknown, context: ExecutionContext): WritingCaller => {
  const request = context.switchToHttp().getRequest<FastifyRequest>();
  const key = keyOf(request);
  return {
    ...callerOf(request),
    ...(key !== undefined && { idempotency: { key, fingerprint: fingerprintOf(request) } }),
  };
});

function keyOf({ headers }: FastifyRequest): string | undefined {
  // Node joins repeated headers with a comma and a space.
  const key = headers[HEADER.toLowerCase()];
  if (key === undefined) return undefined;
  if (typeof key === 'string' && key.length <= limits.idempotencyKeyCharactersMax && VISIBLE.test(key)) return key;
  const message = `must hold 1 to ${limits.idempotencyKeyCharactersMax} visible ASCII characters`;
  throw new InvalidRequest([{ path: HEADER, message }]);
}

/** Equal for requests with the same method, path and body. The Accept header does not count. */
export function fingerprintOf({ method, url, body }: Pick<FastifyRequest, 'method' | 'url' | 'body'>): string {
  const [path] = url.split('?');
  // An absent body is the same as an empty one.
  return createHash('sha256')
    .update(JSON.stringify([method, path, canonical(body ?? {})]))
    .digest('hex');
}

/** Sorts the names of every object, because their order has no meaning. */
function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
  return Object.fromEntries(fields.map(([name, inner]) => [name, canonical(inner)]));
}

const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?$/;

/** The header `traceparent` (W3C Trace Context) if it is valid. */
export function traceparentOf({ headers }: Pick<IncomingMessage, 'headers'>): string | undefined {
  const text = headers.traceparent;
  if (typeof text !== 'string' || !TRACEPARENT.test(text)) return undefined;
  // Version 00 ends with its flags; only later versions may add to it.
  return text.startsWith('00-') && text.length > 55 ? undefined : text;
}

/** The caller's trace id, or else a new one. It names the request in answers, logs and events. */
export function traceIdOf(request: Pick<IncomingMessage, 'headers'>, newTraceId: () => string): string {
  return traceparentOf(request)?.slice(3, 35) ?? newTraceId();
}
