import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import findMyWay from 'find-my-way';
import { limits } from '../limits.js';

/** A path that some route has, with the methods of all its routes. */
interface KnownPath {
  readonly pattern: string;
  readonly methods: Set<string>;
}

/** A known path was asked with a method that none of its routes has. */
export class MethodNotAllowed extends Error {
  constructor(
    /** For the header Allow. */
    readonly allowed: string,
  ) {
    super('this path has no such method');
  }
}

/**
 * The paths of all routes, whatever their methods: Fastify looks up a path together with its method, and cannot tell a wrong
 * method from a wrong path. Create it before the first route is registered.
 */
export class KnownPaths {
  private readonly known = new Map<string, KnownPath>();
  /** The router of Fastify, so that both agree on what a pattern matches. Each path is registered once, as a GET. */
  private readonly router = findMyWay({ maxParamLength: limits.pathParameterCharactersMax });

  constructor(server: FastifyInstance) {
    server.addHook('onRoute', ({ url, method }) => {
      const { methods } = this.known.get(url) ?? this.add(url);
      for (const each of [method].flat()) methods.add(each);
    });
  }

  /** The pattern of the path that a request names, also when no route has its method. */
  patternOf({ is404, routeOptions, url }: FastifyRequest): string | undefined {
    return is404 ? this.find(url)?.pattern : routeOptions.url;
  }

  /** Call it after the hook that asks for keys: a caller without one learns no methods. */
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
