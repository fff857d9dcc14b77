import { readFileSync } from 'node:fs';
import { expect, it } from '@jest/globals';

/** The variables that a script uses before it sets them. */
function unsetIn(script: readonly string[]): string[] {
  const set = new Set<string>();
  const unset: string[] = [];
  for (const line of script) {
    for (const [, assigned, used] of line.matchAll(/(?:^|; )([A-Z]+)=|\$([A-Z]+)/g)) {
      if (assigned) set.add(assigned);
      else if (used && !set.has(used)) unset.push(used);
    }
  }
  return unset;
}

/** What a reader types, from the first example to the last one, with the commands inside the text. */
const commands = readFileSync('README.md', 'utf8')
  .split('\n')
  .flatMap((line) =>
    line.startsWith('    ') ? [line.trim()] : [...line.matchAll(/`([^`]*)`/g)].map(([, code]) => code as string),
  );

it('the README sets each variable of its commands before it uses it', () => {
  expect(commands.filter((line) => line.includes('$')).length).toBeGreaterThan(10);
  expect(unsetIn(commands)).toEqual([]);
});

it('the README verifies a bag with the key of the log, and not with the key of a user', () => {
  const verify = commands.filter((line) => line.includes('verbatim verify '));
  expect(verify).toEqual([expect.stringContaining('--vkey "$VKEY"')]);
  expect(commands).toContainEqual(expect.stringMatching(/^VKEY=.*\/record\/key .*\.vkey/));
});
