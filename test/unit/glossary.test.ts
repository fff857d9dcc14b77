import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';

const root = join(import.meta.dirname, '..', '..');
const read = (path: string) => readFileSync(join(root, path), 'utf8');
const namesIn = (folder: string, ending: string) =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending))
    .map((name) => join(folder, name));

const GLOSSARY = 'docs/glossary.md';
const otherPages = ['README.md', 'ARCHITECTURE.md', ...namesIn('docs', '.md').filter((name) => name !== GLOSSARY)];
const terms = [...read(GLOSSARY).matchAll(/\*\*([^*]+)\*\*/g)].map(([, term]) => term as string);
const sources = namesIn('src', '.ts').map(read).join('\n');
const pages = otherPages.map(read).join('\n');

/** Of the words that the glossary bans, those that have no other meaning in a text about software. */
const BANNED =
  /\b(tell|tells|told|hear|hears|heard|whoever|somebody|someone|nobody|anybody|everybody|no one|stand(?!-in)|stands|stood|brought in|lets? go)\b/gi;
/** Records of decisions are kept as they were written; their titles are not. */
const proseOf = (name: string) => (name.includes('/adr/') ? read(name).split('\n', 1).join('') : read(name));
const withoutCode = (text: string) => text.replaceAll(/`[^`\n]*`/g, '').replaceAll(/^ {4}.*$/gm, '');

describe('the glossary', () => {
  it('has each term once', () => {
    expect(terms.length).toBeGreaterThan(40);
    expect(terms.filter((term, nth) => terms.indexOf(term) !== nth)).toEqual([]);
  });

  it.each(terms)('explains %j, which the code or the other pages use', (term) => {
    const word = new RegExp(`\\b${term.replace(' ', '[ -]?')}`, 'i');
    expect([term, word.test(sources) || word.test(pages)]).toEqual([term, true]);
  });

  it.each(['README.md', 'ARCHITECTURE.md'])('is linked from %s', (page) => {
    expect(read(page)).toContain(`(${GLOSSARY})`);
  });

  it('explains every folder of the sources that is named after a term', () => {
    const folders = readdirSync(join(root, 'src'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    // Layers, which ARCHITECTURE.md explains.
    const layers = ['adapters', 'app', 'auth', 'background', 'cli', 'domain', 'http', 'ownership', 'ports', 'sse'];
    const unexplained = folders
      .map(({ name }) => name)
      .filter((name) => ![...layers, ...terms].includes(name) && !terms.includes(name.replace(/s$/, '')));
    expect(unexplained).toEqual([]);
  });
});

describe('a page of the documentation', () => {
  it.each(otherPages)('%s uses no word that the glossary bans', (name) => {
    expect([...withoutCode(proseOf(name)).matchAll(BANNED)].map(([word]) => word)).toEqual([]);
  });
});

/** The lines of the sources that need a banned word, and the reason. */
const ALLOWED = [
  { name: 'src/adapters/postgres/embedded/account.ts', word: 'nobody', why: 'the name of a user in /etc/passwd' },
];

describe('the sources', () => {
  const files = namesIn('src', '.ts');

  it('have no word that the glossary bans, in comments, texts and names', () => {
    const found = files.flatMap((name) =>
      wordsOf(read(name))
        .filter((word) => !ALLOWED.some((allowed) => allowed.name === name && allowed.word === word))
        .map((word) => `${name}: ${word}`),
    );
    expect(files.length).toBeGreaterThan(300);
    expect(found).toEqual([]);
  });

  it.each(ALLOWED)('have the word $word in $name: $why', ({ name, word }) => {
    expect(wordsOf(read(name))).toContain(word);
  });

  it('are checked for the parts of a name too', () => {
    expect(wordsOf('const isTold = hearAll(); // Whoever STANDS_BY')).toEqual(['told', 'hear', 'whoever', 'stands']);
  });
});

describe('the titles of the tests', () => {
  const files = namesIn('test', '.ts');

  it('have no word that the glossary bans', () => {
    const titles = files.flatMap((name) => titlesOf(read(name)).map((title) => ({ name, title })));
    expect(titles.length).toBeGreaterThan(2_000);
    expect(titles.filter(({ title }) => wordsOf(title).length > 0)).toEqual([]);
  });

  it('are found in every form', () => {
    const source =
      "it('one', f);\n  describe(`two`, f);\n] as const)('three %s', f);\nit.each(a)('four', f);\n  it(\n    'five',";
    expect(titlesOf(source)).toEqual(['one', 'two', 'three %s', 'four', 'five']);
  });
});

/** The banned words of a source, in order. A name in camel case or with underscores counts as several words. */
function wordsOf(source: string): string[] {
  const words = source.replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2').replaceAll('_', ' ');
  return [...words.matchAll(BANNED)].map(([word]) => word.toLowerCase());
}

/** The titles of `it` and `describe`. A table may come before the title, on the same line or on lines before it. */
function titlesOf(source: string): string[] {
  const calls = source.matchAll(/(?:\b(?:it|describe)(?:\.each\(.*\))?|^\s*[\])}][^'`\n]*\))\(\s*(['`])(.*?)\1/gm);
  return [...calls].map(([, , title]) => title as string);
}
