import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import findMyWay from 'find-my-way';
import { limits } from '../limits.js';

/** A path of at least one route, and the methods of all its routes. */
interface KnownPath {
  readonly pattern: string;
  readonly methods: Set<string>;
}

/** The path exists, but none of its routes has the method. */
export class MethodNotAllowed extends Error {
  constructor(
    /** For the header Allow. */
    readonly allowed: string,
  ) {
    super('this path has no such method');
  }
}

/**
 * The paths of all routes with any method. Fastify looks up a path together with its method, so it cannot distinguish a
 * wrong method from a wrong path. Create it before the first route is registered.
 */
export class KnownPaths {
  private readonly known = new Map<string, KnownPath>();
  /** Fastify's own router, so that both match patterns in the same way. Each path is registered once, as a GET. */
  private readonly router = findMyWay({ maxParamLength: limits.pathParameterCharactersMax });

  constructor(server: FastifyInstance) {
    server.addHook('onRoute', ({ url, method }) => {
      const { methods } = this.known.get(url) ?? this.add(url);
      for (const each of [method].flat()) methods.add(each);
    });
  }

  /** The pattern that the path of a request matches, also if no route has its method. */
  patternOf({ is404, routeOptions, url }: FastifyRequest): string | undefined {
    return is404 ? this.find(url)?.pattern : routeOptions.url;
  }

  /** Call it after the hook that checks keys, so that a caller without a key sees no methods. */
  answerOtherMethods(server: FastifyInstance): void {
    server.addHook('onRequest', async ({ is404, method, url }: FastifyRequest, reply: FastifyReply) => {
      const path = is404 ? this.find(url) : undefined;
      if (!path) return;
      const allowed = [...[...path.methods].sort(), 'OPTIONS'].join(', ');
      if (method !== 'OPTIONS') throw new MethodNotAllowed(allowed);
      return reply.status(204).header('allow', allowed).send();
    });
  }

  private add(pattern: string): KnownPath {
    const path = { pattern, methods: new Set<string>() };
    this.known.set(pattern, path);
    this.router.on('GET', pattern, () => {}, path);
    return path;
  }

  private find(url: string): KnownPath | undefined {
    return this.router.find('GET', url)?.store;
  }
}
