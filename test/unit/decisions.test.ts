import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';

const DIRECTORY = join(import.meta.dirname, '..', '..', 'docs', 'adr');
const names = readdirSync(DIRECTORY).sort();

describe('the records of decisions', () => {
  it('are numbered without a gap, so that a number names one of them', () => {
    expect(names.map((name) => Number(name.slice(0, 4)))).toEqual(names.map((_, nth) => nth + 1));
  });

  it.each(names)('%s begins with its number and its title', (name) => {
    const [heading] = readFileSync(join(DIRECTORY, name), 'utf8').split('\n');
    expect(heading).toMatch(new RegExp(`^# ${Number(name.slice(0, 4))}\\. \\S`));
  });
});
