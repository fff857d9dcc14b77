import { types } from 'node:util';

/** True for any error. Fastify's are no native errors, and `instanceof` fails for errors of another realm. */
export function isError(value: unknown): value is Error {
  return value instanceof Error || types.isNativeError(value);
}
