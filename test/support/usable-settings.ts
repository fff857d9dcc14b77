import { expect } from '@jest/globals';
import { loadConfig } from '../../src/config.js';

/** Every name is one that is read, and a start with these values does not fail for them. */
export function expectUsable(settings: Readonly<Record<string, string>>): void {
  const read = new Set<string>();
  loadConfig(new Proxy({}, { get: (_, name) => void read.add(String(name)) }));
  expect([...read]).toEqual(expect.arrayContaining(Object.keys(settings)));
  expect(() => loadConfig(settings)).not.toThrow();
}
