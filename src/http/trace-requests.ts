import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Tracer } from '../ports/tracer.js';
import { traceparentOf } from './caller.js';

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
