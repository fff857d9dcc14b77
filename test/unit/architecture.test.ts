import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import {
  barrels,
  clockAndDiceReaders,
  clumsyInjections,
  defaultExports,
  environmentReaders,
  leakingSignals,
  longFiles,
  namelessPlaces,
  postponedWork,
  protocolWords,
  sharedTypeNames,
} from './architecture/contents.js';
import {
  forbiddenImports,
  foreignToBrowsers,
  importCycles,
  impureImports,
  missingImports,
  unknownFolders,
} from './architecture/imports.js';
import { readSourceTree, type SourceTree } from './architecture/source-tree.js';

type Rule = (tree: SourceTree) => string[];

/** Each rule answers with what breaks it, so a failure names the places. */
const rules: Record<string, Rule> = {
  'folders import only whom they may': forbiddenImports,
  'every folder stands in the table of imports': unknownFolders,
  'imports lead to files of src': missingImports,
  'imports run in no circle': importCycles,
  'events, formats and domain use no framework and no input or output': impureImports,
  'the verifier uses nothing that a browser does not have': foreignToBrowsers,
  'process.env is read in config.ts alone': environmentReaders,
  'time, chance and new ids come from adapters or the composition root': clockAndDiceReaders,
  'no signal is made by AbortSignal.any': leakingSignals,
  'no file only passes on what others export': barrels,
  'names say what is inside': namelessPlaces,
  'files have less than 300 lines, and the table of bounds at most 400': longFiles,
  'no work is left for later': postponedWork,
  'the protocol of a provider is known to its format and its adapter alone': protocolWords,
  'an exported type shares its name with no type of another file': sharedTypeNames,
  'nothing is exported as default': defaultExports,
  'Nest finds a provider by its class or a symbol, and no class is named twice': clumsyInjections,
};

describe('the architecture of src', () => {
  const tree = readSourceTree(join(import.meta.dirname, '..', '..', 'src'));

  it('is looked at', () => {
    expect([...tree.keys()]).toEqual(expect.arrayContaining(['limits.ts', 'events/codec.ts', 'ports/event-log.ts']));
  });

  it.each(Object.entries(rules))('%s', (_, rule) => {
    expect(rule(tree)).toEqual([]);
  });
});

const treeOf = (files: Record<string, string>): SourceTree => new Map(Object.entries(files));
const importing = (importer: string, ...targets: string[]): SourceTree => {
  const up = '../'.repeat(importer.split('/').length - 1) || './';
  const lines = targets.map((target) => `import { a } from '${up}${target.replace(/\.ts$/, '.js')}';`);
  return new Map([[importer, lines.join('\n')], ...targets.map((target): [string, string] => [target, ''])]);
};

describe('the rule of imports', () => {
  it.each([
    ['domain/conversation.ts', 'events/catalogue.ts'],
    ['domain/prompt.ts', 'formats/body-format.ts'],
    ['formats/body.ts', 'events/catalogue.ts'],
    ['domain/conversation.ts', 'domain/lineage/tree.ts'],
    ['events/codec.ts', 'events/envelope.ts'],
    ['events/codec.ts', 'limits.ts'],
    ['commands/looks.ts', 'record-limits.ts'],
    ['sagas/runner.ts', 'commands/transact.ts'],
    ['adapters/postgres/embedded/cluster.ts', 'adapters/postgres/outage.ts'],
    ['adapters/postgres/log.ts', 'ports/event-log.ts'],
    ['http/messages.ts', 'projections/queries/messages.ts'],
    ['http/messages.ts', 'projections/messages/query.ts'],
    ['projections/messages/postgres.ts', 'adapters/postgres/views/conditions.ts'],
    ['projections/messages/postgres.ts', 'ports/read-models/table.ts'],
    ['app/read-models.ts', 'projections/messages/postgres.ts'],
    ['http/problem.ts', 'domain/refusal.ts'],
    ['http/problem.ts', 'ports/errors.ts'],
    ['main.ts', 'adapters/postgres/log.ts'],
    ['app/app.module.ts', 'config.ts'],
    ['app/engines.ts', 'adapters/postgres/log.ts'],
  ])('lets %s import %s', (importer, target) => {
    expect(forbiddenImports(importing(importer, target))).toEqual([]);
  });

  it.each([
    ['events/codec.ts', 'ports/errors.ts'],
    ['formats/body.ts', 'domain/conversation.ts'],
    ['formats/body.ts', 'ports/language-model.ts'],
    ['events/codec.ts', 'formats/body-format.ts'],
    ['domain/conversation.ts', 'ports/clock.ts'],
    ['domain/conversation.ts', 'domains/conversation.ts'],
    ['ports/event-log.ts', 'domain/conversation.ts'],
    ['commands/send-message.ts', 'adapters/memory/log.ts'],
    ['commands/send-message.ts', 'projections/queries/messages.ts'],
    ['projections/runner.ts', 'commands/transact.ts'],
    ['sagas/runner.ts', 'projections/runner.ts'],
    ['sse/feed.ts', 'sagas/runner.ts'],
    ['auth/guard.ts', 'events/envelope.ts'],
    ['http/messages.ts', 'events/envelope.ts'],
    ['http/messages.ts', 'projections/runner.ts'],
    ['http/messages.ts', 'projections/messages/projection.ts'],
    ['http/messages.ts', 'projections/messages/old/query.ts'],
    ['http/messages.ts', 'projections/messages/postgres.ts'],
    ['projections/messages/query.ts', 'projections/messages/postgres.ts'],
    ['projections/messages/query.ts', 'adapters/postgres/views/conditions.ts'],
    ['projections/messages/postgres.ts', 'adapters/postgres/log.ts'],
    ['projections/postgres.ts', 'adapters/postgres/views/conditions.ts'],
    ['adapters/postgres/views/builds.ts', 'projections/messages/rows.ts'],
    ['http/messages.ts', 'domain/conversation.ts'],
    ['http/messages.ts', 'domain/refusals.ts'],
    ['http/messages.ts', 'ports/event-log.ts'],
    ['adapters/memory/log.ts', 'adapters/postgres/position.ts'],
    ['adapters/postgres/log.ts', 'adapters/postgres-old/log.ts'],
    ['adapters/memory/log.ts', 'domain/conversation.ts'],
    ['commands/send-message.ts', 'config.ts'],
    ['adapters/openai/model.ts', 'config.ts'],
    ['verifier/note.ts', 'formats/record-1/note.ts'],
    ['verifier/note.ts', 'exports/bag/bag.ts'],
    ['exports/bag/bag.ts', 'verifier/note.ts'],
    ['commands/send-message.ts', 'app/app.module.ts'],
    ['limits.ts', 'app/app.module.ts'],
    ['limits.ts', 'events/envelope.ts'],
    ['domain/conversation.ts', '../test/support/until.ts'],
  ])('forbids %s to import %s', (importer, target) => {
    expect(forbiddenImports(importing(importer, target))).toEqual([`${importer} imports ${target}`]);
  });

  it.each([
    ["import type { A } from '../ports/a.js';"],
    ["import '../ports/a.js';"],
    ["export { a } from '../ports/a.js';"],
    ["export * from '../ports/a.js';"],
    ["export const load = () => import('../ports/a.js');"],
    ['export const load = () => import(`../ports/a.js`);'],
    ["export type A = import('../ports/a.js').A;"],
    ["import a = require('../ports/a.js');"],
  ])('sees %s', (source) => {
    expect(forbiddenImports(treeOf({ 'events/b.ts': source }))).toEqual(['events/b.ts imports ports/a.ts']);
  });

  it('is not misled by comments and texts', () => {
    const source = "// import { a } from '../ports/a.js';\nexport const text = \"import '../ports/a.js'\";";
    expect(forbiddenImports(treeOf({ 'events/b.ts': source }))).toEqual([]);
  });
});

/** A tree that each rule must refuse, and what it must name. */
const broken: [Rule, Record<string, string>, string[]][] = [
  [unknownFolders, { 'services/a.ts': '', 'events/b.ts': '', 'main.ts': '' }, ['services']],
  [missingImports, { 'events/a.ts': "import './b.js'; import 'pg';" }, ['events/a.ts imports events/b.ts']],
  [
    impureImports,
    { 'domain/a.ts': "import { Injectable } from '@nestjs/common';" },
    ['domain/a.ts imports @nestjs/common'],
  ],
  [impureImports, { 'events/a.ts': "import 'node:fs/promises';" }, ['events/a.ts imports node:fs/promises']],
  [impureImports, { 'projections/a/projection.ts': "import 'pg';" }, ['projections/a/projection.ts imports pg']],
  [importCycles, { 'a.ts': "import './a.js';" }, ['a.ts > a.ts']],
  [
    importCycles,
    {
      'main.ts': "import './a.js';",
      'a.ts': "import './b.js';",
      'b.ts': "import type { C } from './c.js';",
      'c.ts': "import './a.js';",
    },
    ['a.ts > b.ts > c.ts > a.ts'],
  ],
  [
    barrels,
    { 'ports/index.ts': 'export const a = 1;', 'ports/a.ts': "export * from './b.js';" },
    ['ports/index.ts', 'ports/a.ts'],
  ],
  [barrels, { 'ports/a.ts': "import { b } from './b.js';\nexport { b };" }, ['ports/a.ts']],
  [
    namelessPlaces,
    { 'utils/a.ts': '', 'ports/helpers.ts': '', 'http/common/a.ts': '', 'http/Shared.ts': '' },
    ['utils/a.ts', 'ports/helpers.ts', 'http/common/a.ts', 'http/Shared.ts'],
  ],
  [
    postponedWork,
    { 'ports/a.ts': '// TODO: later', 'ports/b.ts': '/* FIXME */', 'ports/c.ts': '// XXX' },
    ['ports/a.ts', 'ports/b.ts', 'ports/c.ts'],
  ],
  [
    protocolWords,
    { 'domain/a.ts': 'usage.prompt_tokens', 'sagas/b.ts': 'const { max_tokens } = params;', 'formats/c.ts': 'top_p' },
    ['domain/a.ts', 'sagas/b.ts'],
  ],
  [
    sharedTypeNames,
    { 'ports/a.ts': 'export interface Place {}', 'sse/b.ts': 'export class Place {}', 'sse/c.ts': 'type Place = 1;' },
    ['Place: ports/a.ts, sse/b.ts, sse/c.ts'],
  ],
];
const brokenOnce = (rule: Rule, path: string, ...sources: string[]): typeof broken =>
  sources.map((source) => [rule, { [path]: source }, [path]]);

broken.push(
  ...brokenOnce(environmentReaders, 'main.ts', 'process.env.PORT', "process['env']", 'globalThis.process.env'),
  [
    foreignToBrowsers,
    { 'verifier/a.ts': "import { verify } from 'node:crypto';" },
    ['verifier/a.ts imports node:crypto'],
  ],
  [foreignToBrowsers, { 'verifier/a.ts': "import 'pg';" }, ['verifier/a.ts imports pg']],
  ...brokenOnce(foreignToBrowsers, 'verifier/a.ts', "Buffer.from('a')", 'process.exit()'),
  ...brokenOnce(
    environmentReaders,
    'http/a.ts',
    'const { env } = process;',
    "import { env as e } from 'node:process';",
  ),
  ...brokenOnce(
    clockAndDiceReaders,
    'domain/a.ts',
    'Date.now()',
    'const now = Date.now;',
    'new Date()',
    'new Date',
    'Date()',
  ),
  ...brokenOnce(clockAndDiceReaders, 'sagas/a.ts', 'Math.random()', 'performance.now()', 'crypto.randomUUID()'),
  ...brokenOnce(clockAndDiceReaders, 'sse/a.ts', "import { randomUUID } from 'node:crypto';", 'globalThis.Date.now()'),
  ...brokenOnce(
    leakingSignals,
    'sagas/a.ts',
    'AbortSignal.any([one, other]);',
    'const { any } = AbortSignal;',
    'globalThis.AbortSignal.any([one]);',
  ),
  ...brokenOnce(
    defaultExports,
    'ports/a.ts',
    'export default 1;',
    'export default class A {}',
    'export default function a() {}',
  ),
  ...brokenOnce(
    defaultExports,
    'ports/a.ts',
    'const a = 1;\nexport { a as default };',
    "export { default } from './b.js';",
  ),
);

broken.push(
  ...brokenOnce(
    clumsyInjections,
    'http/a.ts',
    'class A { constructor(@Inject(B) readonly b: B) {} }',
    "class A { constructor(@Inject('b') b: B) {} }",
    "const p = { provide: 'b', useValue: 1 };",
    `const p = { provide: \`b \${c}\`, useValue: 1 };`,
  ),
);

/** Trees that come close to breaking a rule, and do not. */
const sound: [Rule, Record<string, string>][] = [
  [
    importCycles,
    {
      'main.ts': "import './a.js'; import './b.js';",
      'a.ts': "import './c.js';",
      'b.ts': "import './c.js';",
      'c.ts': '',
    },
  ],
  [
    impureImports,
    { 'domain/a.ts': "import { createHash } from 'node:crypto';", 'adapters/a/a.ts': "import 'node:fs';" },
  ],
  [impureImports, { 'projections/a/query.ts': "import { Query } from '@nestjs/cqrs';" }],
  [environmentReaders, { 'config.ts': 'process.env.PORT', 'http/a.ts': '// process.env\nprocess.exitCode = 1;' }],
  [clockAndDiceReaders, { 'adapters/system/clock.ts': 'Date.now(); new Date();', 'main.ts': 'Math.random()' }],
  [
    clockAndDiceReaders,
    { 'domain/a.ts': "new Date(0); new Date(at); Date.parse(at); Math.max(1, 2); clock.now(); 'Date.now()';" },
  ],
  [
    barrels,
    {
      'ports/a.ts': "export * from './b.js';\nexport const a = 1;",
      'ports/b.ts': 'const b = 1;\nexport function c() {}',
      'ports/c.ts': '',
    },
  ],
  [namelessPlaces, { 'adapters/a/shared-place.ts': '', 'auth/commoner.ts': '' }],
  [
    clumsyInjections,
    {
      'app/a.ts': 'class A { constructor(@Inject(PORTS.log) log: EventLog, b: B) {} }',
      'app/b.ts': 'const p = { provide: LOG, useValue: 1 };',
    },
  ],
  [
    sharedTypeNames,
    {
      'ports/a.ts': 'export const Usage = 1; export type Usage = 2; export interface Usage {}',
      'sse/b.ts': "import type { Usage } from '../ports/a.js'; type Followed = Usage;",
      'sse/c.ts': 'type Followed = 1; const Usage = 1;',
    },
  ],
  [postponedWork, { 'ports/a.ts': 'const todos = 1; // a TODOLIST' }],
  [defaultExports, { 'ports/a.ts': 'switch (a) { default: }\nexport const b = { default: 1 };\nexport { a };' }],
];

describe('every other rule', () => {
  it.each(broken.map(([rule, files, places]) => [rule.name, files, rule, places] as const))(
    '%s refuses %j',
    (_, files, rule, places) => {
      expect(rule(treeOf(files))).toEqual(places);
    },
  );

  it.each(sound.map(([rule, files]) => [rule.name, files, rule] as const))('%s accepts %j', (_, files, rule) => {
    expect(rule(treeOf(files))).toEqual([]);
  });

  it('longFiles refuses 300 lines and accepts 299, and 401 and 400 in the table of bounds', () => {
    const long = (lines: number) => 'a;\n'.repeat(lines);
    const files = { 'ports/a.ts': long(300), 'ports/b.ts': long(299), 'limits.ts': long(400) };
    expect(longFiles(treeOf(files))).toEqual(['ports/a.ts']);
    expect(longFiles(treeOf({ 'limits.ts': long(401) }))).toEqual(['limits.ts']);
  });

  it('is shown to be able to fail', () => {
    const shown = new Set<Rule>([forbiddenImports, longFiles, ...broken.map(([rule]) => rule)]);
    expect(Object.values(rules).filter((rule) => !shown.has(rule))).toEqual([]);
  });
});
