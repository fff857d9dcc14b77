import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { InvalidRequest, pathTo } from './invalid-request.js';

/** For a route that takes no query: any parameter is an unknown one, as an unknown field of a body is. */
export const NoQuery = createParamDecorator((_: unknown, context: ExecutionContext): void => {
  const { query } = context.switchToHttp().getRequest<FastifyRequest>();
  const errors = Object.keys(query ?? {}).map((name) => ({ path: pathTo([name]), message: 'is not a known field' }));
  if (errors.length > 0) throw new InvalidRequest(errors);
});
