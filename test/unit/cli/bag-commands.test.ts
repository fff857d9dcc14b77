import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { CommanderError } from 'commander';
import type { CommandParts } from '../../../src/cli/command-parts.js';
import { exitCodeOf } from '../../../src/cli/failures.js';
import { programOf } from '../../../src/cli/program.js';
import { BagGround, mistakesIn, turn, verified } from '../../support/bags.js';
import { collected } from '../../support/collected-output.js';

let folder: string;
let ground: BagGround;
let open: number;
let looks: unknown[];
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'verbatim-bags-'));
  open = 0;
  looks = [];
  ground = new BagGround();
  await turn(await ground.chat('c1').started(), 'a', ['One', ' two']);
  await turn(await ground.chat('c2').started(), 'b', ['Three']);
  await ground.record();
});
afterEach(() => {
  rmSync(folder, { recursive: true });
  expect(open).toBe(0);
});

async function commanded(...words: string[]) {
  const [out, err] = [collected(), collected()];
  const openRecord = async () => {
    open++;
    const recordLook = async (...look: unknown[]) => void looks.push(look);
    return { ...ground.parts, recordLook, close: async () => void open-- };
  };
  const clock = { now: () => Date.UTC(2026, 1, 3), monotonic: () => 0, sleep: async () => {} };
  const program = programOf({ version: '1.2.3', out, err, clock, openRecord } as unknown as CommandParts);
  const error = await program.parseAsync(words, { from: 'user' }).then(
    () => undefined,
    (thrown) => thrown,
  );
  const message = error instanceof CommanderError ? err.text() : (error?.message ?? '');
  return { code: error === undefined ? 0 : exitCodeOf(error), text: out.text(), message };
}

const at = (name: string) => join(folder, name);

describe('verbatim export and verbatim verify', () => {
  it('write a bag of one conversation, and find it intact', async () => {
    const made = await commanded(
      'export',
      '--conversation',
      'c1',
      '--out',
      at('bag.zip'),
      '--reason',
      'Case 17',
      '--json',
    );
    expect(made).toEqual({ code: 0, text: expect.any(String), message: '' });
    expect(JSON.parse(made.text)).toEqual({ out: at('bag.zip'), bytes: statSync(at('bag.zip')).size });
    expect(statSync(at('bag.zip')).mode & 0o777).toBe(0o600);
    expect(readdirSync(folder)).toEqual(['bag.zip']);
    expect(mistakesIn(await verified(readFileSync(at('bag.zip'))))).toEqual([]);
    const found = await commanded('verify', at('bag.zip'), '--vkey', await ground.key());
    expect(found).toEqual({ code: 0, text: expect.stringMatching(/^The bag is intact\.\n/), message: '' });
    expect(found.text).toMatch(/scope +1 conversations of the tenant default\n/);
    expect(found.text).toMatch(/answers +1 compared with their tapes\n/);
  });

  it.each([
    ['several conversations', ['--conversation', 'c2', '--conversation', 'c1'], 2],
    ['a whole tenant', ['--all'], 2],
    ['entries alone', ['--all', '--no-texts'], 2],
    ['an earlier size', ['--all', '--size', '12'], 2],
  ])('write a bag of %s', async (_, words, chains) => {
    expect(await commanded('export', ...words, '--out', at('bag.zip'))).toMatchObject({ code: 0, message: '' });
    const { code, text } = await commanded('verify', at('bag.zip'), '--json');
    expect(code).toBe(0);
    expect(JSON.parse(text)).toMatchObject({ isIntact: true, facts: { chains } });
  });

  it('record who looks, for each conversation, before the bag is written', async () => {
    const look = (object: object, more = {}) => ['default', { what: 'export', objects: [object], ...more }];
    await commanded(
      'export',
      '--conversation',
      'c1',
      '--conversation',
      'c2',
      '--reason',
      'Case 17',
      '--out',
      at('1.zip'),
    );
    const purpose = { purpose: 'Case 17' };
    expect(looks).toEqual(['c1', 'c2'].map((id) => look({ kind: 'conversation', id }, purpose)));
    looks = [];
    await commanded('export', '--all', '--out', at('2.zip'));
    expect(looks).toEqual([look({ kind: 'log', id: 'default' })]);
    looks = [];
    await commanded('export', '--all', '--no-texts', '--out', at('3.zip'));
    expect(looks).toEqual([]);
  });

  it('write no bag if the look cannot be recorded', async () => {
    looks = Object.freeze([]) as unknown as unknown[];
    expect((await commanded('export', '--all', '--out', at('bag.zip'))).code).toBe(1);
    expect(readdirSync(folder)).toEqual([]);
  });

  it('end with 1 for an altered bag, and name the first mistake', async () => {
    await commanded('export', '--all', '--out', at('bag.zip'));
    const bag = readFileSync(at('bag.zip'));
    bag.write('X', bag.indexOf('"text a') + 1);
    writeFileSync(at('bag.zip'), bag);
    const { code, text, message } = await commanded('verify', at('bag.zip'));
    expect([code, message]).toEqual([
      1,
      expect.stringMatching(/^The bag is altered or incomplete\. data\/texts\.jsonl: /),
    ]);
    expect(text).toMatch(
      /\nmistake: entry \d+ \(MessageSent, event 1 of conversation-c1\): its text is not what the entry/,
    );
  });

  it('end with 2 for a pipe, without waiting for a writer', async () => {
    expect(spawnSync('mkfifo', [at('pipe')]).status).toBe(0);
    const { code, message } = await commanded('verify', at('pipe'));
    expect([code, message]).toEqual([2, `${at('pipe')} is not a file`]);
  });

  it('end with 1 for a bag that lacks what an earlier one has', async () => {
    await commanded('export', '--all', '--out', at('before.zip'));
    const own = ground;
    ground = new BagGround();
    ground.log.identity = () => own.log.identity();
    await turn(await ground.chat('c1').started(), 'other', ['Other', ' two']);
    for (const name of ['x', 'y', 'z']) await turn(await ground.chat(`c${name}`).started(), name, ['Three']);
    await ground.record();
    await commanded('export', '--all', '--out', at('bag.zip'));
    const { code, message } = await commanded('verify', at('bag.zip'), '--previous', at('before.zip'));
    expect([code, message]).toEqual([
      1,
      expect.stringMatching(/the previous bag: is of a tree that the tree of this bag/),
    ]);
  });

  it.each<[string, string[], RegExp]>([
    ['no bag', ['verify'], /missing required argument/],
    ['a file that does not exist', ['verify', '/nowhere/bag.zip'], /cannot be read/],
    ['a folder', ['verify', tmpdir()], /is not a file/],
    ['no scope', ['export', '--out', '/nowhere/bag.zip'], /Name conversations, or use --all/],
    [
      'two scopes',
      ['export', '--all', '--conversation', 'c1', '--out', '/nowhere/bag.zip'],
      /Name conversations, or use --all/,
    ],
    ['no place for the bag', ['export', '--all'], /required option '--out/],
    ['a place that does not exist', ['export', '--all', '--out', '/nowhere/bag.zip'], /cannot be written/],
    ['a size that is none', ['export', '--all', '--size', 'x', '--out', '/nowhere/bag.zip'], /number of entries/],
  ])('end with 2 for %s', async (_, words, message) => {
    expect(await commanded(...words)).toMatchObject({ code: 2, text: '', message: expect.stringMatching(message) });
  });

  it('end with 2 for a key that is none, and for a bag that would be overwritten', async () => {
    await commanded('export', '--all', '--out', at('bag.zip'));
    expect(await commanded('verify', at('bag.zip'), '--vkey', 'x')).toMatchObject({ code: 2, text: '' });
    expect(await commanded('verify', at('bag.zip'), '--witness', await ground.key())).toMatchObject({
      code: 2,
      text: '',
    });
    const before = readFileSync(at('bag.zip'));
    expect(await commanded('export', '--all', '--out', at('bag.zip'))).toMatchObject({ code: 2, text: '' });
    expect(readFileSync(at('bag.zip'))).toEqual(before);
  });

  it('leave no file behind if there is nothing to export', async () => {
    const { code, message } = await commanded('export', '--conversation', 'none', '--out', at('bag.zip'));
    expect([code, message]).toEqual([1, 'The record has no entry of the conversation none']);
    expect(readdirSync(folder)).toEqual([]);
  });
});
