import { type CanActivate, type ExecutionContext, Injectable, SetMetadata } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import type { KeyRole } from '../ports/keys.js';

const REQUIRED_ROLE = Symbol('required role');
const READS = ['GET', 'HEAD'];

/** Only this role may call the controller or method. Without it every role may, but an auditor may only read. */
export const RequireRole = (role: KeyRole) => SetMetadata(REQUIRED_ROLE, role);

/** Checks the role of a request that is already authenticated. */
@Injectable()
export class RoleGuard implements CanActivate {
  constructor(private readonly reflector: Reflector) {}

  canActivate(context: ExecutionContext): boolean {
    const { principal, method } = context.switchToHttp().getRequest<FastifyRequest>();
    const required = this.reflector.getAllAndOverride<KeyRole | undefined>(REQUIRED_ROLE, [
      context.getHandler(),
      context.getClass(),
    ]);
    if (!principal) return required === undefined;
    if (principal.role === 'auditor' && !READS.includes(method)) return false;
    return required === undefined || required === principal.role;
  }
}
