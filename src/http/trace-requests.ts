import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Tracer } from '../ports/tracer.js';

declare module 'fastify' {
  interface FastifyRequest {
    /** The traceparent of the span of this request. Absent if tracing is off. */
    traceparent?: string;
  }
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

const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?$/;

/** The header `traceparent` (W3C Trace Context) if it is valid. */
export function traceparentOf({ headers }: Pick<IncomingMessage, 'headers'>): string | undefined {
  const text = headers.traceparent;
  if (typeof text !== 'string' || !TRACEPARENT.test(text)) return undefined;
  // Version 00 ends with its flags; only later versions may add to it.
  return text.startsWith('00-') && text.length > 55 ? undefined : text;
}

/** The caller's trace id, or else a new one. It names the request in answers, logs and events. */
export function traceIdOf(request: Pick<IncomingMessage, 'headers'>, newTraceId: () => string): string {
  return traceparentOf(request)?.slice(3, 35) ?? newTraceId();
}
