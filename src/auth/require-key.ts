import { UnauthorizedException } from '@nestjs/common';
import type { FastifyInstance } from 'fastify';
import type { Authenticator } from './authenticator.js';

/**
 * Everything below this path needs a key, whether or not somebody remembers to say so on a new route. Health, metrics
 * and docs lie outside.
 */
const NEEDS_A_KEY = '/api/';

/** Asks for the key before the body is read: whoever has none cannot make this process read or parse anything. */
export function requireKeys(server: FastifyInstance, authenticator: Authenticator): void {
  server.decorateRequest('principal', undefined);
  server.addHook('onRequest', async (request) => {
    if (request.is404 || !request.routeOptions.url?.startsWith(NEEDS_A_KEY)) return;
    const principal = await authenticator.authenticate(request.headers.authorization);
    if (!principal) throw new UnauthorizedException();
    request.principal = principal;
  });
}
