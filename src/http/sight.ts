import {
  applyDecorators,
  type CanActivate,
  createParamDecorator,
  type ExecutionContext,
  Injectable,
  SetMetadata,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { ApiHeader } from '@nestjs/swagger';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Principal, principalOf } from '../auth/principal.js';
import { Looks } from '../commands/looks.js';
import { isPurpose, type Look, PURPOSE_PATTERN, PURPOSE_RULE } from '../domain/access.js';
import { recordLimits } from '../record-limits.js';
import { traceparentIn } from './caller.js';
import { InvalidRequest } from './invalid-request.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** Present on routes that may show data of others. */
    sight?: Sight;
  }
}

export const SHOWS = Symbol('whose data is shown');
const HEADER = 'X-Purpose';

/**
 * Declares what the answers of a route show: data of others, which the method records with its Sight before it answers; only
 * data of the caller; or nothing of a conversation. Every route declares it, so that a new one cannot forget the record.
 */
export const Shows = (whose: 'others' | 'own' | 'nothing'): ClassDecorator & MethodDecorator =>
  applyDecorators(SetMetadata(SHOWS, whose), ...(whose === 'others' ? [ApiPurpose()] : []));

const ApiPurpose = () =>
  ApiHeader({
    name: HEADER,
    required: false,
    description: 'Why the caller looks at data of others, in UTF-8. The access trail keeps it.',
    schema: { type: 'string', maxLength: recordLimits.purposeCharactersMax, pattern: PURPOSE_PATTERN },
  });

/** What one request shows of others. */
export class Sight {
  private isClear: boolean;

  constructor(
    private readonly principal: Principal,
    private readonly record: (look: Look) => Promise<void>,
  ) {
    // Members see only their own.
    this.isClear = principal.role === 'member';
  }

  /** Fails until it is certain that the answer shows nothing of others without a record. */
  requireAnswerable(): void {
    if (!this.isClear) throw new Error('the answer would show data of others without a record');
  }

  /** Call it with what was loaded, before anything of it leaves. Throws RetryableError if the log cannot take the record now. */
  async of(look: Look): Promise<void> {
    const { role, user } = this.principal;
    if (role !== 'member' && look.owner !== user) await this.record(look);
    this.isClear = true;
  }
}

/** The sight of a request as an argument of a controller's method. */
export const CurrentSight = createParamDecorator((_: unknown, context: ExecutionContext): Sight => {
  const { sight } = context.switchToHttp().getRequest<FastifyRequest>();
  if (!sight) throw new Error('this route does not declare that it shows data of others');
  return sight;
});

/** Refuses a route that does not declare what it shows, and gives the others what they need to record it. */
@Injectable()
export class SightGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly looks: Looks,
  ) {}

  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const shows = this.reflector.getAllAndOverride<string | undefined>(SHOWS, [
      context.getHandler(),
      context.getClass(),
    ]);
    if (shows === undefined) throw new Error(`${request.routeOptions.url} does not declare what it shows`);
    if (shows === 'others') request.sight = this.sightOf(request);
    return true;
  }

  private sightOf(request: FastifyRequest): Sight {
    const principal = principalOf(request);
    const purpose = purposeIn(request);
    const { tenant, user, keyId } = principal;
    const by = {
      tenant,
      actor: { id: user, kind: 'user' },
      via: { kind: 'key', id: keyId },
      traceId: request.id,
      traceparent: traceparentIn(request),
    };
    return new Sight(principal, (look) => this.looks.record(by, { ...look, purpose }));
  }
}

/** The last check before an answer leaves: a method that forgot its record shows nothing. `OpenStreams` checks event streams. */
export function requireRecordedLooks(server: FastifyInstance): void {
  server.addHook('onSend', async ({ sight }, reply) => {
    if (reply.statusCode < 400) sight?.requireAnswerable();
  });
}

function purposeIn({ headers }: FastifyRequest): string | undefined {
  const sent = headers[HEADER.toLowerCase()];
  if (typeof sent !== 'string' || sent === '') return undefined;
  const purpose = decoded(sent);
  if (!isPurpose(purpose)) throw new InvalidRequest([{ path: HEADER, message: PURPOSE_RULE }]);
  return purpose;
}

/** Node reads headers as Latin-1, which browsers send. Most other clients send UTF-8. */
function decoded(header: string): string {
  const utf8 = Buffer.from(header, 'latin1').toString('utf8');
  return utf8.includes('\ufffd') ? header : utf8;
}
