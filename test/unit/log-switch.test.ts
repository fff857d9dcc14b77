import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { ON_BOTH_IN_EVERY_RUN, POSTGRES_ONLY } from '../support/log-switch.js';

const root = join(import.meta.dirname, '..');
const files = ['e2e', 'faults'].flatMap((tier) =>
  readdirSync(join(root, tier)).flatMap((name) => (name.endsWith('.test.ts') ? [`${tier}/${name}`] : [])),
);
/** What brings the log that the switch names, or that of EventStoreDB alone. */
const BRINGS_A_LOG =
  /from '\.\.\/support\/(live-product|restarts|turn-ground|test-log|eventstore\/(stand-in|cluster))\.js'/;

describe('the switch between the logs', () => {
  it('governs every file of the end-to-end and fault tests, unless that is listed with a reason', () => {
    const governed = files.filter((name) => BRINGS_A_LOG.test(readFileSync(join(root, name), 'utf8')));
    const listed = Object.keys(POSTGRES_ONLY);
    expect(files.filter((name) => !governed.includes(name) && !listed.includes(name))).toEqual([]);
  });

  it('names only files that there are', () => {
    const named = [...ON_BOTH_IN_EVERY_RUN, ...Object.keys(POSTGRES_ONLY)];
    expect(named.filter((name) => !files.includes(name))).toEqual([]);
  });
});
