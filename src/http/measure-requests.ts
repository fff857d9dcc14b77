import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

/** A request that is over, in words of which there are few. */
export interface MeasuredRequest {
  readonly method: string;
  /** The pattern of its route: an address may hold ids, and anything else that somebody typed. */
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
    // Who leaves before there is an answer has got no status.
    const status = headersSent ? String(statusCode) : NONE;
    measure({ method, route: routeOptions.url ?? NONE, status, durationMs: reply.elapsedTime });
  });
}
