import { isDeepStrictEqual } from 'node:util';
import { expect } from '@jest/globals';

/** `expect(actual).toEqual(expected)`, which takes many times as long: for what a property compares at every step. */
export function expectEqual<T>(actual: T, expected: T): void {
  if (!isDeepStrictEqual(actual, expected)) expect(actual).toEqual(expected);
}
