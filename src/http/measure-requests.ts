import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

/** The labels of a finished request. Each has few values. */
export interface MeasuredRequest {
  readonly method: string;
  /** The pattern of the route, because a path may hold ids and any other text. */
  readonly route: string;
  readonly status: string;
  readonly durationMs: number;
}

export type Measure = (request: MeasuredRequest) => void;

const NONE = 'none';

export function measureRequests(server: FastifyInstance, measure: Measure): void {
  server.addHook('onRequest', (request, reply, done) => {
    measureWhenOver(request, reply, measure);
    done();
  });
}

export function measureWhenOver({ method, routeOptions }: FastifyRequest, reply: FastifyReply, measure: Measure): void {
  reply.raw.once('close', () => {
    const { headersSent, statusCode } = reply.raw;
    // A client that leaves before the answer gets no status.
    const status = headersSent ? String(statusCode) : NONE;
    measure({ method, route: routeOptions.url ?? NONE, status, durationMs: reply.elapsedTime });
  });
}
