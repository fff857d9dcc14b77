import type { RequestBegun } from '../../ports/tracer.js';
import type { Attributes } from './spans.js';

/** Any other method is a word that a client made up. */
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'CONNECT', 'TRACE', 'QUERY']);

/**
 * The conventions for servers, without what may hold a text of a person: the path, the query, the host that the client
 * named, the client's address and its user agent.
 */
export function requestAttributes(request: RequestBegun): Attributes {
  const { method, route, scheme, httpVersion, localAddress, localPort } = request;
  return {
    'http.request.method': METHODS.has(method) ? method : '_OTHER',
    ...(route !== undefined && { 'http.route': route }),
    'url.scheme': scheme,
    'network.protocol.version': httpVersion,
    ...(localAddress !== undefined && { 'server.address': localAddress }),
    ...(localPort !== undefined && { 'server.port': localPort }),
  };
}

/** `HTTP` for a method that is not known, as the conventions want it. */
export function requestName({ method, route }: Pick<RequestBegun, 'method' | 'route'>): string {
  const verb = METHODS.has(method) ? method : 'HTTP';
  return route === undefined ? verb : `${verb} ${route}`;
}
