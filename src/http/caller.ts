import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { principalOf } from '../auth/principal.js';
import type { Caller } from '../commands/origin.js';
import { traceparentOf } from './trace-requests.js';

/** The caller of a command, from its request. */
export function callerOf(request: FastifyRequest): Caller {
  const { tenant, user } = principalOf(request);
  const traceparent = request.traceparent ?? traceparentOf(request.raw);
  return { tenant, user, traceId: request.id, ...(traceparent && { traceparent }) };
}

/** Injects the caller into a controller's method. */
export const CurrentCaller = createParamDecorator(
  (_: unknown, context: ExecutionContext): Caller => callerOf(context.switchToHttp().getRequest<FastifyRequest>()),
);
