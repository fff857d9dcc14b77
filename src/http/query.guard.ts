import { type CanActivate, type ExecutionContext, Injectable, SetMetadata } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { InvalidRequest, pathTo } from './invalid-request.js';

const TAKES_QUERY = Symbol('takes a query');

/** Health probes and the pages of /docs accept any query. */
const IS_STRICT = '/api/';

/** For a method with a query. The validation pipe refuses unknown parameters, by the class of the query. */
export const TakesQuery = () => SetMetadata(TAKES_QUERY, true);

/**
 * Refuses every query parameter on the other routes of the API. A route that lacks @TakesQuery() accepts no parameter, so its
 * first test fails.
 */
@Injectable()
export class QueryGuard implements CanActivate {
  constructor(private readonly reflector: Reflector) {}

  canActivate(context: ExecutionContext): boolean {
    const { query, routeOptions } = context.switchToHttp().getRequest<FastifyRequest>();
    if (this.reflector.get(TAKES_QUERY, context.getHandler()) || !routeOptions.url?.startsWith(IS_STRICT)) return true;
    const errors = Object.keys(query ?? {}).map((name) => ({ path: pathTo([name]), message: 'is not a known field' }));
    if (errors.length > 0) throw new InvalidRequest(errors);
    return true;
  }
}
