import { type CanActivate, type ExecutionContext, Injectable, SetMetadata } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import type { Role } from '../ports/keys.js';

const REQUIRED_ROLE = Symbol('required role');
const READS = ['GET', 'HEAD'];

/** On a controller or one of its methods: only this role may. Without it, every role may, an auditor by reading. */
export const RequireRole = (role: Role) => SetMetadata(REQUIRED_ROLE, role);

/** Who somebody is was settled before; this is about what they may do. */
@Injectable()
export class RoleGuard implements CanActivate {
  constructor(private readonly reflector: Reflector) {}

  canActivate(context: ExecutionContext): boolean {
    const { principal, method } = context.switchToHttp().getRequest<FastifyRequest>();
    const required = this.reflector.getAllAndOverride<Role | undefined>(REQUIRED_ROLE, [
      context.getHandler(),
      context.getClass(),
    ]);
    if (!principal) return required === undefined;
    if (principal.role === 'auditor' && !READS.includes(method)) return false;
    return required === undefined || required === principal.role;
  }
}
