import type { IncomingHttpHeaders } from 'node:http';

/** The pause that a provider asks for: milliseconds in its own header, or seconds or a date in Retry-After. */
export function retryAfterMs(headers: IncomingHttpHeaders, now: number): number | undefined {
  const own = amount(headers['retry-after-ms']);
  if (own !== undefined) return wholeMs(own);
  const header = headers['retry-after'];
  const seconds = amount(header);
  if (seconds !== undefined) return wholeMs(seconds * 1_000);
  const date = header?.trim().endsWith('GMT') ? Date.parse(header) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}

function amount(header: string | string[] | undefined): number | undefined {
  return typeof header === 'string' && /^\d+(\.\d+)?$/.test(header.trim()) ? Number(header) : undefined;
}

function wholeMs(milliseconds: number): number {
  return Math.min(Math.ceil(milliseconds), Number.MAX_SAFE_INTEGER);
}
