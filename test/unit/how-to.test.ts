import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';

const root = join(import.meta.dirname, '..', '..');
const FOLDER = 'docs/how-to';
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const namesIn = (folder: string) => readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' });

const pages = readdirSync(join(root, FOLDER));
const sources = ['src', 'test']
  .flatMap((folder) => namesIn(folder).map((name) => join(folder, name)))
  .filter((name) => name.endsWith('.ts') && name !== 'test/unit/how-to.test.ts')
  .map(read)
  .join('\n');
const words = new Set(sources.match(/\w+/g));
const { scripts, bin } = JSON.parse(read('package.json')) as Record<'scripts' | 'bin', Record<string, string>>;

const all = (page: string, pattern: RegExp): string[] =>
  [...page.matchAll(pattern)].map(([, found]) => found as string);

/** Back-ticks do not reach into the indented blocks of commands. */
const quoted = (page: string): string[] => all(page.replaceAll(/^ {4}.*$/gm, ''), /`([^`]+)`/g);
const commands = (page: string): string => (page.match(/^ {4}.*$/gm) ?? []).join('\n');

const isPath = (text: string): boolean => /^\w[\w.-]*(\/[\w.-]+)+\/?$|^[\w-]+\.(md|yml|json|ts)$/.test(text);

/** A page marks each file that its reader makes: `path` (new). */
const newFiles = (page: string): string[] => all(page, /`([^`]+)`\s\(new\)/g);

const pathsIn = (page: string): string[] => [
  ...quoted(page).filter(isPath),
  ...commands(page)
    .split(/\s+/)
    .filter((word) => word.startsWith('test/')),
];

function missingPaths(page: string): string[] {
  const made = newFiles(page);
  return pathsIn(page).filter((path) => made.includes(path) === existsSync(join(root, path)));
}

const missingLinks = (page: string): string[] =>
  all(page, /\]\(([^)]+)\)/g).filter((link) => !existsSync(join(root, FOLDER, link)));

const missingScripts = (page: string): string[] => [
  ...all(page, /\bnpm run ([\w:]+)/g).filter((name) => !(name in scripts)),
  ...all(page, /\bnpm (?!run\b)(\w+)/g).filter((name) => !(name in scripts)),
  ...all(page, /\bnpx (\w+)/g).filter((name) => !(name in bin || existsSync(join(root, 'node_modules/.bin', name)))),
];

/** Names of the sources that a page refers to and that are gone. What contains a word of the example is the reader's own. */
function missingNames(page: string): string[] {
  const example = all(page.split('\n## ', 1).join(''), /`([^`]+)`/g).flatMap((text) => text.match(/[A-Za-z]+/g) ?? []);
  const isOwn = (name: string) => example.some((word) => name.toLowerCase().includes(word.toLowerCase()));
  return quoted(page)
    .filter((text) => /^@?\w{4,}(\(.*\))?$/.test(text))
    .flatMap((text) => text.match(/\w+/) ?? [])
    .filter((name) => !words.has(name) && !isOwn(name));
}

describe('a how-to page', () => {
  it('exists for a provider, a read model, a route and an event type', () => {
    expect(pages.sort()).toEqual([
      'add-a-provider.md',
      'add-a-read-model.md',
      'add-a-route.md',
      'add-an-event-type.md',
    ]);
  });

  it.each(pages)('%s names files that exist, and new files that do not', (name) => {
    const page = read(`${FOLDER}/${name}`);
    expect(pathsIn(page).length).toBeGreaterThan(10);
    expect(newFiles(page).length).toBeGreaterThan(0);
    expect([...missingPaths(page), ...missingLinks(page)]).toEqual([]);
  });

  it.each(pages)('%s names scripts of package.json and programs that npx finds', (name) => {
    expect(missingScripts(read(`${FOLDER}/${name}`))).toEqual([]);
  });

  it.each(pages)('%s names types, functions and settings that the sources have', (name) => {
    expect(missingNames(read(`${FOLDER}/${name}`))).toEqual([]);
  });

  it.each(pages)('%s is linked from the README or from ARCHITECTURE.md', (name) => {
    const links = all(read('README.md') + read('ARCHITECTURE.md'), /\]\(([^)]+)\)/g);
    expect(links).toContain(`${FOLDER}/${name}`);
  });
});

describe('the check of how-to pages', () => {
  it.each(['src/gone.ts', 'src/gone/', 'GONE.md'])('finds that %s does not exist', (path) => {
    expect(missingPaths(`Change \`${path}\`.`)).toEqual([path]);
  });

  it('finds a missing test in a command, and a new file that exists already', () => {
    expect(missingPaths('Run:\n\n    npm test -- test/unit/gone.test.ts')).toEqual(['test/unit/gone.test.ts']);
    expect(missingPaths('1. `src/config.ts` (new): the settings')).toEqual(['src/config.ts']);
  });

  it('accepts a new file wherever the page names it, and texts that are no paths', () => {
    const page =
      '`test/unit/a.test.ts` (new), `/api/v1`, `a/b c`, `views.usage`.\n\n    npm test -- test/unit/a.test.ts';
    expect(missingPaths(page)).toEqual([]);
  });

  it.each([
    ['npm run invented', 'invented'],
    ['npm run test:invented', 'test:invented'],
    ['npm invented', 'invented'],
    ['npx invented', 'invented'],
  ])('finds that %s names no script', (command, name) => {
    expect(missingScripts(`Run it:\n\n    ${command} -- --flag`)).toEqual([name]);
  });

  it('finds a name that is gone and a link that leads nowhere, and accepts names of the example', () => {
    const page =
      'The example is `Gizmo`.\n\n## Files\n\nAdd `gizmoRow` to `AnyTable`. Copy `UsageOfNobodyAtAll`. [x](gone.md)';
    expect(missingNames(page)).toEqual(['UsageOfNobodyAtAll']);
    expect(missingLinks(page)).toEqual(['gone.md']);
  });
});
