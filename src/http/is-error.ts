import { types } from 'node:util';

/** An error of whatever making: Fastify's are none to the engine, and those of another realm none to `instanceof`. */
export function isError(value: unknown): value is Error {
  return value instanceof Error || types.isNativeError(value);
}
