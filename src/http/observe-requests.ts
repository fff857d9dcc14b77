import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Tracer } from '../ports/tracer.js';
import { traceparentOf } from './caller.js';

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

export function traceRequests(server: FastifyInstance, tracer: Tracer): void {
  server.addHook('onRequest', (request, reply, done) => {
    traceUntilOver(request, reply, tracer);
    done();
  });
}

/** The span of a stream ends when the stream is closed. */
export function traceUntilOver(request: FastifyRequest, reply: FastifyReply, tracer: Tracer): void {
  const { id, raw, method, routeOptions, protocol } = request;
  const span = tracer.requestBegun({
    traceId: id,
    traceparent: traceparentOf(raw),
    method,
    route: routeOptions.url,
    scheme: protocol === 'https' ? 'https' : 'http',
    httpVersion: raw.httpVersion,
    localAddress: raw.socket.localAddress,
    localPort: raw.socket.localPort,
  });
  request.traceparent = span.traceparent;
  reply.raw.once('close', () => span.end(reply.raw.headersSent ? reply.raw.statusCode : undefined));
}
