import { createParamDecorator, type ExecutionContext, UnauthorizedException } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import type { KeyRole } from '../ports/keys.js';

/** The sender of a request. */
export interface Principal {
  readonly tenant: string;
  readonly user: string;
  readonly role: KeyRole;
  readonly keyId: string;
}

declare module 'fastify' {
  interface FastifyRequest {
    /** Present on every request but those of public routes. */
    principal?: Principal;
  }
}

export function principalOf({ principal }: FastifyRequest): Principal {
  if (!principal) throw new UnauthorizedException();
  return principal;
}

/** The principal as an argument of a controller's method. */
export const CurrentPrincipal = createParamDecorator((_: unknown, context: ExecutionContext) =>
  principalOf(context.switchToHttp().getRequest<FastifyRequest>()),
);
