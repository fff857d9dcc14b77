import { type CanActivate, type ExecutionContext, Injectable, SetMetadata } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { InvalidRequest, pathTo } from './invalid-request.js';

const TAKES_QUERY = Symbol('takes a query');

/** Probes of health and readers of docs may say what they like. */
const IS_STRICT = '/api/';

/** On a method with a query: what is unknown in it is found where the query is held against its class. */
export const TakesQuery = () => SetMetadata(TAKES_QUERY, true);

/**
 * For every other route of the API: any parameter is an unknown one, as an unknown field of a body is. A route that
 * forgets to say that it takes a query can take none, which its first test tells.
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
