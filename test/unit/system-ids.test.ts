import { expect, it } from '@jest/globals';
import { systemIds } from '../../src/adapters/system/system-ids.js';

const VERSION_7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

it('the id of an event is a UUID of version 7, which begins with its time', () => {
  const before = Date.now();
  const id = systemIds.event();
  const after = Date.now();
  expect(id).toMatch(VERSION_7);
  const time = Number.parseInt(id.replace('-', '').slice(0, 12), 16);
  expect(time).toBeGreaterThanOrEqual(before);
  expect(time).toBeLessThanOrEqual(after);
});

it('no two ids of events are equal', () => {
  const ids = Array.from({ length: 10_000 }, () => systemIds.event());
  expect(new Set(ids).size).toBe(ids.length);
});
