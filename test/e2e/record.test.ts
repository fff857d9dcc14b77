import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { openNote } from '../../src/formats/record-1/note.js';
import { isConsistent, type SignedTree } from '../../src/formats/record-1/proofs.js';
import type { ApiClient } from '../support/api-client.js';
import { LiveChat } from '../support/live-chat.js';
import { command } from '../support/product.js';
import { withRestarts } from '../support/restarts.js';
import { TurnJournal } from '../support/turn-journal.js';
import { until } from '../support/until.js';

async function signedTree(client: ApiClient): Promise<SignedTree> {
  const { text } = await client.call('GET', '/record/checkpoint');
  const { vkey } = await client.ask('GET', '/record/key');
  return openNote(text, vkey) as SignedTree;
}

/** Waits until the run is in a signed tree. */
const recorded = (client: ApiClient, generation: string) =>
  until(async () => (await client.call('GET', `/runs/${generation}/proof`)).status === 200);

describe('the record of a product that is killed and started again', () => {
  it('continues the signed tree, with the same key, and is what the log makes', async () => {
    await withRestarts(async ({ start, provider, dataDir }) => {
      const around = { journal: new TurnJournal(), provider };
      const first = await start();
      const chat = await LiveChat.start(around, first.client, { title: 'Recorded' });
      const { generationId } = await chat.say('first');
      await recorded(first.client, generationId);
      const before = await signedTree(first.client);
      const key = await first.client.ask('GET', '/record/key');
      await first.product.stop('SIGKILL');

      expect((await stat(join(dataDir, 'record.key'))).mode & 0o777).toBe(0o600);
      const [note] = (await readdir(join(dataDir, 'record'))).filter((name) => name.startsWith('default.'));
      const kept = openNote(await readFile(join(dataDir, 'record', `${note}`), 'utf8'), key.vkey);
      expect(kept?.size).toBeGreaterThanOrEqual(before.size);

      const second = await start();
      expect(await second.client.ask('GET', '/record/key')).toEqual(key);
      const turn = await chat.as(second.client).say('second');
      await recorded(second.client, turn.generationId);
      const after = await signedTree(second.client);
      const { path } = await second.client.ask('GET', `/record/consistency?from=${before.size}&to=${after.size}`);
      const hashes = path.map((hash: string) => Buffer.from(hash, 'base64'));
      expect(isConsistent(before, after, hashes)).toBe(true);
      await second.product.stop();
    });
  });

  it('is checked and made again by the command line', async () => {
    await withRestarts(async ({ start, provider, dataDir }) => {
      const { product, client } = await start();
      const chat = await LiveChat.start({ journal: new TurnJournal(), provider }, client, { title: 'Recorded' });
      const { generationId } = await chat.say('first');
      await recorded(client, generationId);
      const run = async (...words: string[]) => {
        const { output, ended } = command({ VERBATIM_DATA_DIR: dataDir }, 'record', ...words, '--json');
        return { code: await ended, ...JSON.parse(output.out) };
      };
      const checked = async () => {
        const { code, items } = await run('check');
        return [code, items.map(({ tenant, mistakes }: { tenant: string; mistakes: string[] }) => [tenant, mistakes])];
      };
      expect(await checked()).toEqual([0, [['default', []]]]);
      const before = (await client.call('GET', '/record/tile/entries/000.p/5')).bytes;
      expect(await run('rebuild')).toEqual({ code: 0, forgotten: true });
      await until(async () => (await client.call('GET', '/record/tile/entries/000.p/5')).status === 200);
      expect((await client.call('GET', '/record/tile/entries/000.p/5')).bytes).toEqual(before);
      await recorded(client, (await chat.say('second')).generationId);
      expect(await checked()).toEqual([0, [['default', []]]]);
      await product.stop();
    });
  });

  it('is handed to a new key by the command line while the product runs', async () => {
    await withRestarts(async ({ start, provider, dataDir }) => {
      const { product, client } = await start();
      const chat = await LiveChat.start({ journal: new TurnJournal(), provider }, client, { title: 'Rotated' });
      await recorded(client, (await chat.say('first')).generationId);
      const before = await signedTree(client);
      const old = await client.ask('GET', '/record/key');
      const run = async (...words: string[]) => {
        const { output, ended } = command({ VERBATIM_DATA_DIR: dataDir }, 'record', ...words, '--json');
        return { code: await ended, ...JSON.parse(output.out) };
      };
      expect(await run('rotate-key')).toEqual({ code: 0, rotated: true });

      const { vkey, earlier } = await client.ask('GET', '/record/key');
      expect(vkey).not.toBe(old.vkey);
      expect(earlier).toEqual([{ vkey: old.vkey, size: expect.any(Number), note: expect.any(String) }]);
      const [{ size, note }] = earlier;
      for (const key of [old.vkey, vkey]) expect(openNote(note, key)).toMatchObject({ size });
      const [present, ended, ...rest] = (await readFile(join(dataDir, 'record.key'), 'utf8'))
        .split('\n')
        .filter((line) => line !== '' && !line.startsWith('#'));
      expect([present, ended, rest]).toEqual([
        expect.stringMatching(/^[A-Za-z0-9+/]{43}=$/),
        expect.stringMatching(/^ended:[A-Za-z0-9+/]{43}=$/),
        [],
      ]);
      expect((await stat(join(dataDir, 'record.key'))).mode & 0o777).toBe(0o600);

      await recorded(client, (await chat.say('second')).generationId);
      const { text } = await client.call('GET', '/record/checkpoint');
      expect([openNote(text, old.vkey), openNote(text, vkey)]).toEqual([undefined, expect.anything()]);
      const after = await signedTree(client);
      const { path } = await client.ask('GET', `/record/consistency?from=${before.size}&to=${after.size}`);
      const hashes = path.map((hash: string) => Buffer.from(hash, 'base64'));
      expect(isConsistent(before, after, hashes)).toBe(true);
      expect(await run('check')).toMatchObject({ code: 0, verified: true });
      await product.stop('SIGKILL');
      const second = await start();
      expect(await second.client.ask('GET', '/record/key')).toMatchObject({ vkey, earlier });
      await second.product.stop();
    });
  });

  it('is exported and verified by the command line, and an altered bag is found', async () => {
    await withRestarts(async ({ start, provider, dataDir }) => {
      const { product, client } = await start();
      const chat = await LiveChat.start({ journal: new TurnJournal(), provider }, client, { title: 'Exported' });
      await chat.say('first');
      await recorded(client, (await chat.say('second')).generationId);
      const { vkey } = await client.ask('GET', '/record/key');
      const bag = join(dataDir, 'bag.zip');
      const run = async (...words: string[]) => {
        const { output, ended } = command({ VERBATIM_DATA_DIR: dataDir }, ...words, '--json');
        return { code: await ended, ...JSON.parse(output.out) };
      };
      expect(await run('export', '--conversation', chat.id, '--out', bag)).toMatchObject({ code: 0, out: bag });
      const verdict = await run('verify', bag, '--vkey', vkey);
      expect(verdict).toMatchObject({ code: 0, isIntact: true, mistakes: [] });
      expect(verdict.remarks.map(({ place }: { place: string }) => place)).toEqual(['data/entries.txt']);
      expect(verdict.facts.texts).toMatchObject({ answers: 2, prompts: 2, hiddenPrompts: 0 });
      const bytes = await readFile(bag);
      bytes.write('X', bytes.indexOf('GenerationRequested'));
      await writeFile(bag, bytes);
      expect(await run('verify', bag, '--vkey', vkey)).toMatchObject({ code: 1, isIntact: false });
      await product.stop();
    });
  });
});
