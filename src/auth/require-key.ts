import { UnauthorizedException } from '@nestjs/common';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Authenticator } from './authenticator.js';

/** Every path that can be read without a key. */
const PUBLIC: ReadonlySet<string | undefined> = new Set([
  '/health/live',
  '/health/ready',
  '/metrics',
  '/openapi.json',
  '/docs',
  '/docs/',
  '/docs/index.html',
  '/docs/LICENSE',
  '/docs/swagger-ui-init.js',
  '/docs/docs/swagger-ui-init.js',
  // The files of the documentation's user interface.
  '/docs/*',
]);
const READS = ['GET', 'HEAD'];

/**
 * Asks for a key before the body is read, so that a request without one costs no parsing. Routes are public only by name: a
 * new route needs a key, and so does a path that no route has. `patternOf` answers with the pattern of a request's path, also
 * when no route has its method.
 */
export function requireKeys(
  server: FastifyInstance,
  authenticator: Authenticator,
  patternOf: (request: FastifyRequest) => string | undefined,
): void {
  const isPublic = (request: FastifyRequest): boolean =>
    // A method that a public path does not have reaches no route, only the refusal of the method.
    PUBLIC.has(patternOf(request)) && (request.is404 || READS.includes(request.method));

  server.decorateRequest('principal', undefined);
  server.addHook('onRequest', async (request) => {
    if (isPublic(request)) return;
    const principal = await authenticator.authenticate(request.headers.authorization, request.ip);
    if (!principal) throw new UnauthorizedException();
    request.principal = principal;
  });
}
