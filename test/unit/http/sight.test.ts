import { describe, expect, it } from '@jest/globals';
import type { ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import type { Looks } from '../../../src/commands/looks.js';
import { requireRecordedLooks, Shows, Sight, SightGuard } from '../../../src/http/sight.js';
import { OpenStreams } from '../../../src/sse/open-streams.js';

const principal = { tenant: 'default', user: 'eve', role: 'auditor', keyId: 'k1' } as const;
const look = { what: 'usage', objects: [{ kind: 'usage', id: 'default' }] } as const;

class Declared {
  @Shows('others')
  others() {}

  @Shows('own')
  own() {}

  @Shows('nothing')
  nothing() {}

  forgetful() {}
}

@Shows('own')
class DeclaredAsAWhole extends Declared {
  inherited() {}
}

function contextOf(type: typeof Declared, handler: () => void, request: object): ExecutionContext {
  const context: Partial<ExecutionContext> = {
    getClass: () => type as never,
    getHandler: () => handler,
    switchToHttp: () => ({ getRequest: () => request }) as never,
  };
  return context as ExecutionContext;
}

const requestOf = () => ({
  ...{ principal, headers: {}, id: 'trace', raw: { headers: {} } },
  routeOptions: { url: '/api/v1/forgetful' },
  sight: undefined as Sight | undefined,
});

describe('the guard of what a route shows', () => {
  const guard = new SightGuard(new Reflector(), {} as Looks);
  const { prototype } = Declared;

  it('refuses a route that does not declare it', () => {
    const asked = () => guard.canActivate(contextOf(Declared, prototype.forgetful, requestOf()));
    expect(asked).toThrow('/api/v1/forgetful does not declare what it shows');
  });

  it.each([
    ['others', Declared, prototype.others, true],
    ['own data', Declared, prototype.own, false],
    ['nothing', Declared, prototype.nothing, false],
    ['what its controller declares', DeclaredAsAWhole, DeclaredAsAWhole.prototype.inherited, false],
    ['what it declares itself', DeclaredAsAWhole, prototype.others, true],
  ])('lets a route pass that shows %s', (_, type, handler, hasSight) => {
    const request = requestOf();
    expect(guard.canActivate(contextOf(type, handler, request))).toBe(true);
    expect(request.sight instanceof Sight).toBe(hasSight);
  });
});

describe('an answer with data of others', () => {
  const server = (use: (request: FastifyRequest) => Promise<void>): FastifyInstance => {
    const app = Fastify();
    requireRecordedLooks(app);
    app.get('/', async (request) => {
      await use(request);
      return 'a secret';
    });
    return app;
  };
  const sightOf = (role: 'auditor' | 'member') => new Sight({ ...principal, role }, async () => {});

  it('does not leave if its route forgot the record', async () => {
    const answer = await server(async (request) => void Object.assign(request, { sight: sightOf('auditor') })).inject(
      '/',
    );
    expect(answer.statusCode).toBe(500);
    expect(answer.body).not.toContain('a secret');
  });

  it('does not begin as a stream if its route forgot the record', async () => {
    const streams = new OpenStreams({ isValid: async () => true });
    const app = Fastify();
    app.get('/', async (request, reply) => {
      Object.assign(request, { sight: sightOf('auditor') });
      streams.open(reply, principal).write(Buffer.from('a secret'));
    });
    const answer = await app.inject('/');
    expect([answer.statusCode, streams.size]).toEqual([500, 0]);
    expect(answer.body).not.toContain('a secret');
  });

  it.each([
    ['after the record', 'auditor', true],
    ['to a member, who sees only own data', 'member', false],
  ] as const)('leaves %s', async (_, role, isRecorded) => {
    const answer = await server(async (request) => {
      const sight = sightOf(role);
      Object.assign(request, { sight });
      if (isRecorded) await sight.of(look);
    }).inject('/');
    expect([answer.statusCode, answer.body]).toEqual([200, 'a secret']);
  });

  it('leaves from a route that shows nothing of others', async () => {
    expect((await server(async () => {}).inject('/')).body).toBe('a secret');
  });

  it('may be a refusal, which shows nothing', async () => {
    const answer = await server(async (request) => {
      Object.assign(request, { sight: sightOf('auditor') });
      throw Object.assign(new Error('no such thing'), { statusCode: 404 });
    }).inject('/');
    expect(answer.statusCode).toBe(404);
  });
});

describe('a sight', () => {
  it('records a look once it is asked to, and not at own data', async () => {
    const looks: unknown[] = [];
    const sight = new Sight(principal, async (each) => void looks.push(each));
    expect(() => sight.requireAnswerable()).toThrow('without a record');
    await sight.of({ ...look, owner: 'eve' });
    sight.requireAnswerable();
    expect(looks).toEqual([]);
    await sight.of({ ...look, owner: 'ada' });
    await sight.of({ ...look, owner: null });
    expect(looks).toEqual([
      { ...look, owner: 'ada' },
      { ...look, owner: null },
    ]);
  });

  it('does not clear the answer if the record fails', async () => {
    const sight = new Sight(principal, async () => {
      throw new Error('away');
    });
    await expect(sight.of(look)).rejects.toThrow('away');
    expect(() => sight.requireAnswerable()).toThrow('without a record');
  });
});
