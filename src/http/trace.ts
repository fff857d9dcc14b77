import type { IncomingMessage } from 'node:http';

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
