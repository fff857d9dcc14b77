import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { NoteFiles } from '../../../src/adapters/data-directory/kept-notes.js';
import { openRecordKey } from '../../../src/adapters/data-directory/record-key.js';
import { InvalidSeed } from '../../../src/adapters/data-directory/seed-file.js';
import { NoteSigner } from '../../../src/formats/record-1/note.js';
import { withTemporaryDirectory } from '../../support/temporary-directory.js';

const keyOf = (signer: NoteSigner) => signer.verifierKey('o');

describe('the signing key of the record', () => {
  it('is made at the first start, for its owner alone, and used from then on', async () => {
    await withTemporaryDirectory(async (directory) => {
      const dataDir = join(directory, 'data');
      const first = await openRecordKey(dataDir, undefined);
      const file = join(dataDir, 'record.key');
      expect((await stat(file)).mode & 0o777).toBe(0o600);
      expect(await readdir(dataDir)).toEqual(['record.key']);
      expect(keyOf(await openRecordKey(dataDir, undefined))).toBe(keyOf(first));
      expect(keyOf(new NoteSigner(Buffer.from(await readFile(file, 'utf8'), 'base64')))).toBe(keyOf(first));
      expect(keyOf(await openRecordKey(join(directory, 'other'), undefined))).not.toBe(keyOf(first));
    });
  });

  it('is one key for processes that start at once', async () => {
    await withTemporaryDirectory(async (dataDir) => {
      const opened = await Promise.all(Array.from({ length: 10 }, () => openRecordKey(dataDir, undefined)));
      expect(new Set(opened.map(keyOf)).size).toBe(1);
      expect(await readdir(dataDir)).toEqual(['record.key']);
    });
  });

  it('is that of the setting where there is one, and no file is made', async () => {
    await withTemporaryDirectory(async (dataDir) => {
      const seed = Buffer.alloc(32, 7);
      expect(keyOf(await openRecordKey(dataDir, seed.toString('base64')))).toBe(keyOf(new NoteSigner(seed)));
      expect(await readdir(dataDir)).toEqual([]);
    });
  });

  it.each(['', 'AAAA', Buffer.alloc(31).toString('base64')])('is refused if the file holds %j', async (text) => {
    await withTemporaryDirectory(async (dataDir) => {
      await writeFile(join(dataDir, 'record.key'), text);
      await expect(openRecordKey(dataDir, undefined)).rejects.toBeInstanceOf(InvalidSeed);
    });
  });
});

describe('the notes in the data directory', () => {
  it('are the last one of each origin, also where file systems ignore case', async () => {
    await withTemporaryDirectory(async (dataDir) => {
      const notes = new NoteFiles(dataDir);
      expect(await notes.read('verbatim/a.b/acme')).toBeUndefined();
      await notes.keep('verbatim/a.b/acme', 'first');
      await notes.keep('verbatim/a.b/Acme', 'another tenant');
      await notes.keep('verbatim/a.c/acme', 'another incarnation');
      await notes.keep('verbatim/a.b/acme', 'second');
      const again = new NoteFiles(dataDir);
      expect(await again.read('verbatim/a.b/acme')).toBe('second');
      expect(await again.read('verbatim/a.b/Acme')).toBe('another tenant');
      expect(await again.read('verbatim/a.c/acme')).toBe('another incarnation');
      const files = await readdir(join(dataDir, 'record'));
      expect(new Set(files.map((name) => name.toLowerCase())).size).toBe(3);
    });
  });

  it('are whole while several processes write the same one', async () => {
    await withTemporaryDirectory(async (dataDir) => {
      const texts = Array.from({ length: 20 }, (_, nth) => `${nth}`.repeat(10_000 * (nth + 1)));
      await Promise.all(texts.map((text) => new NoteFiles(dataDir).keep('verbatim/a.b/acme', text)));
      expect(texts).toContain(await new NoteFiles(dataDir).read('verbatim/a.b/acme'));
      expect(await readdir(join(dataDir, 'record'))).toHaveLength(1);
    });
  });
});
