import { mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { NoteFiles } from '../../../src/adapters/data-directory/kept-notes.js';
import { openSigningKeys, RecordKeyFile } from '../../../src/adapters/data-directory/record-key.js';
import { InvalidSeed } from '../../../src/adapters/data-directory/seed-file.js';
import { NoteSigner } from '../../../src/formats/record-1/note.js';
import type { SigningKeys } from '../../../src/formats/record-1/signing-keys.js';
import type { KeptNote } from '../../../src/ports/record.js';
import { withTemporaryDirectory } from '../../support/temporary-directory.js';

const keyOf = ({ present }: Pick<SigningKeys, 'present'>) => present.verifierKey('o');
const keysOf = ({ present, earlier }: SigningKeys) =>
  [present, ...earlier].map((key) => [key.verifierKey('o'), key instanceof NoteSigner]);
const seeded = (seed: Buffer) => ({ present: new NoteSigner(seed) });

describe('the signing key of the record', () => {
  it('is made at the first start, for its owner alone, and used from then on', async () => {
    await withTemporaryDirectory(async (directory) => {
      const dataDir = join(directory, 'data');
      const first = await openSigningKeys(dataDir, undefined);
      const file = join(dataDir, 'record.key');
      expect((await stat(file)).mode & 0o777).toBe(0o600);
      expect(await readdir(dataDir)).toEqual(['record.key']);
      expect(keyOf(await openSigningKeys(dataDir, undefined))).toBe(keyOf(first));
      expect(keyOf(seeded(Buffer.from(await readFile(file, 'utf8'), 'base64')))).toBe(keyOf(first));
      expect(keyOf(await openSigningKeys(join(directory, 'other'), undefined))).not.toBe(keyOf(first));
    });
  });

  it('is one key for processes that start at once', async () => {
    await withTemporaryDirectory(async (dataDir) => {
      const opened = await Promise.all(Array.from({ length: 10 }, () => openSigningKeys(dataDir, undefined)));
      expect(new Set(opened.map(keyOf)).size).toBe(1);
      expect(await readdir(dataDir)).toEqual(['record.key']);
    });
  });

  it('is that of the setting where there is one, and no file is made', async () => {
    await withTemporaryDirectory(async (dataDir) => {
      const seed = Buffer.alloc(32, 7);
      expect(keyOf(await openSigningKeys(dataDir, seed.toString('base64')))).toBe(keyOf(seeded(seed)));
      expect(await readdir(dataDir)).toEqual([]);
    });
  });

  it.each(['', 'AAAA', Buffer.alloc(31).toString('base64')])('is refused if the file holds %j', async (text) => {
    await withTemporaryDirectory(async (dataDir) => {
      await writeFile(join(dataDir, 'record.key'), text);
      await expect(openSigningKeys(dataDir, undefined)).rejects.toBeInstanceOf(InvalidSeed);
    });
  });
});

describe('the replacement of the signing key', () => {
  const fileOf = (dataDir: string) => join(dataDir, 'record.key');

  it('puts a new key in front, of which both have their seed until the earlier one ends', async () => {
    await withTemporaryDirectory(async (dataDir) => {
      const keys = new RecordKeyFile(dataDir);
      const first = keyOf(await keys.open());
      const begun = await keys.begin();
      const second = keyOf(begun);
      expect(second).not.toBe(first);
      expect(keysOf(begun)).toEqual([
        [second, true],
        [first, true],
      ]);
      expect(keysOf(await openSigningKeys(dataDir, undefined))).toEqual(keysOf(begun));
      expect(keysOf(await keys.begin())).toEqual(keysOf(begun));
      await keys.finish();
      expect(keysOf(await keys.open())).toEqual([
        [second, true],
        [first, false],
      ]);
      const third = keyOf(await keys.begin());
      expect(keysOf(await keys.open()).map(([key]) => key)).toEqual([third, second, first]);
      expect((await stat(fileOf(dataDir))).mode & 0o777).toBe(0o600);
      expect(await readdir(dataDir)).toEqual(['record.key']);
    });
  });

  it('makes one new key for processes that begin at once', async () => {
    for (let nth = 0; nth < 20; nth++) {
      await withTemporaryDirectory(async (dataDir) => {
        await new RecordKeyFile(dataDir).open();
        const begun = await Promise.all(Array.from({ length: 6 }, () => new RecordKeyFile(dataDir).begin()));
        const now = keysOf(await new RecordKeyFile(dataDir).open());
        expect(now).toHaveLength(2);
        for (const each of begun) expect(keysOf(each)).toEqual(now);
      });
    }
  });

  it('goes on after a crash between its steps, and never with a content that is out of date', async () => {
    await withTemporaryDirectory(async (dataDir) => {
      const keys = new RecordKeyFile(dataDir);
      const file = fileOf(dataDir);
      await keys.open();
      const before = await readFile(file, 'utf8');
      const begun = await keys.begin();
      const after = await readFile(file, 'utf8');
      // As if the process had ended before it renamed the file.
      await writeFile(file, before);
      await writeFile(`${file}.next`, after);
      expect(keysOf(await keys.begin())).toEqual(keysOf(begun));
      await keys.finish();
      const finished = await readFile(file, 'utf8');
      await writeFile(`${file}.next`, after);
      await keys.finish();
      expect(await readFile(file, 'utf8')).toBe(finished);
      expect(await readdir(dataDir)).toEqual(['record.key']);
    });
  });

  it('adds a lost key that only verifies, once', async () => {
    await withTemporaryDirectory(async (dataDir) => {
      const { publicKey } = new NoteSigner(Buffer.alloc(32, 9));
      const keys = new RecordKeyFile(dataDir);
      await keys.lost(publicKey);
      const [present, lost, ...rest] = keysOf(await keys.lost(publicKey));
      expect([present?.[1], lost, rest]).toEqual([true, [keyOf(seeded(Buffer.alloc(32, 9))), false], []]);
    });
  });

  it('is that of the setting, where the earlier keys follow the present one', async () => {
    await withTemporaryDirectory(async (dataDir) => {
      const [present, earlier, ended] = [1, 2, 3].map((byte) => Buffer.alloc(32, byte)) as [Buffer, Buffer, Buffer];
      const { publicKey } = new NoteSigner(ended);
      const setting = `${present.toString('base64')},${earlier.toString('base64')},ended:${publicKey.toString('base64')}`;
      expect(keysOf(await openSigningKeys(dataDir, setting))).toEqual([
        [keyOf(seeded(present)), true],
        [keyOf(seeded(earlier)), true],
        [keyOf(seeded(ended)), false],
      ]);
      const without = openSigningKeys(dataDir, `ended:${publicKey.toString('base64')}`);
      await expect(without).rejects.toBeInstanceOf(InvalidSeed);
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
      const all: KeptNote[] = [];
      for await (const note of again.all()) all.push(note);
      expect(all.sort((one, other) => (String(one.note) < String(other.note) ? -1 : 1))).toEqual([
        { tenant: 'acme', note: 'another incarnation' },
        { tenant: 'Acme', note: 'another tenant' },
        { tenant: 'acme', note: 'second' },
      ]);
    });
  });

  it('are listed with those that cannot be read, and without other files', async () => {
    await withTemporaryDirectory(async (dataDir) => {
      const notes = new NoteFiles(dataDir);
      const list = async () => {
        const all: KeptNote[] = [];
        for await (const note of notes.all()) all.push(note);
        return all;
      };
      expect(await list()).toEqual([]);
      await notes.keep('verbatim/a.b/acme', 'a note');
      const [name = ''] = await readdir(join(dataDir, 'record'));
      await rm(join(dataDir, 'record', name));
      await mkdir(join(dataDir, 'record', name));
      await writeFile(join(dataDir, 'record', `${name}.draft`), 'half a note');
      expect(await list()).toEqual([{ tenant: 'acme', note: undefined }]);
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
