import type { FastifyInstance } from 'fastify';

export interface RegisteredRoute {
  readonly method: string;
  /** As it was registered: `/api/v1/keys/:id`. */
  readonly pattern: string;
}

/** Every route of a server, out of the tree that Fastify prints: a route cannot be left out of it. */
export function registeredRoutes(server: FastifyInstance): RegisteredRoute[] {
  const above: string[] = [];
  return server
    .printRoutes({ commonPrefix: false })
    .split('\n')
    .flatMap((line) => {
      const [, indent = '', segment = '', methods = ''] = /^([│ ]*)[├└]── (\S+)(?: \(([A-Z, ]+)\))?$/.exec(line) ?? [];
      if (segment === '') return [];
      const depth = indent.length / 4;
      above.length = depth;
      above[depth] = segment;
      const pattern = above.join('');
      return methods.split(', ').flatMap((method) => (method === '' ? [] : [{ method, pattern }]));
    });
}
