import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { namedFiles } from '../support/named-files.js';

const root = join(import.meta.dirname, '..', '..');
const page = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8');
const paths = ['src', 'test', 'scripts', 'bench', 'docs', 'infra', 'examples'].flatMap((folder) =>
  readdirSync(join(root, folder), { recursive: true, withFileTypes: true }).map(
    (entry) =>
      `/${join(folder, entry.parentPath.slice(join(root, folder).length), entry.name)}${entry.isDirectory() ? '/' : ''}`,
  ),
);

/** The code map has names without back-ticks, below the folder that holds them. */
const inTheMap = (text: string): string[] =>
  (text.match(/^ {4}.*$/gm) ?? []).flatMap((line) => line.match(/[\w.-]+\.(?:ts|mjs)\b/g) ?? []);

/** A name may begin anywhere in a path: `commands/handle.ts` is in src/, and a sentence about a folder names its files alone. */
const missing = (names: readonly string[]): string[] =>
  names.filter((name) => !paths.some((path) => path.endsWith(`/${name}`)));

describe('ARCHITECTURE.md', () => {
  it('names files and folders that exist', () => {
    const names = [...namedFiles(page), ...inTheMap(page)];
    expect(names).toEqual(
      expect.arrayContaining(['auth/require-key.ts', 'http/strict-json.ts', 'limits.ts', 'test/faults/']),
    );
    expect(names.length).toBeGreaterThan(150);
    expect(missing(names)).toEqual([]);
  });

  it('is refused when it names a missing file, also as one of several in braces', () => {
    const outdated = '`commands/{handle,gone}.ts`, `gone/` and\n    src/\n      gone.ts  limits.ts   every limit\n';
    expect(missing([...namedFiles(outdated), ...inTheMap(outdated)])).toEqual(['commands/gone.ts', 'gone/', 'gone.ts']);
  });
});
