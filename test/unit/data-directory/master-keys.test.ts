import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import {
  InvalidMasterKey,
  MasterKeyFiles,
  MasterKeySetting,
} from '../../../src/adapters/data-directory/master-keys.js';
import { withTemporaryDirectory } from '../../support/temporary-directory.js';

describe('the files of master keys', () => {
  it('are made for their owner alone, with nothing beside them, and read as they were made', async () => {
    await withTemporaryDirectory(async (directory) => {
      const dataDir = join(directory, 'data');
      const files = new MasterKeyFiles(dataDir);
      expect(await files.read()).toEqual(new Map());
      expect([await files.next(0), await files.next(1)]).toEqual([1, 2]);
      const folder = join(dataDir, 'master');
      expect((await readdir(folder)).sort()).toEqual(['1.key', '2.key']);
      expect((await stat(join(folder, '1.key'))).mode & 0o777).toBe(0o600);
      expect((await stat(folder)).mode & 0o777).toBe(0o700);
      const keys = await new MasterKeyFiles(dataDir).read();
      expect([...keys.keys()].sort()).toEqual([1, 2]);
      expect(keys.get(1)).toEqual(Buffer.from(await readFile(join(folder, '1.key'), 'utf8'), 'base64'));
      expect(keys.get(1)).toHaveLength(32);
      expect(keys.get(1)).not.toEqual(keys.get(2));
    });
  });

  it('are the same for processes that make one at the same time, and for one that makes it again', async () => {
    await withTemporaryDirectory(async (dataDir) => {
      const processes = Array.from({ length: 10 }, () => new MasterKeyFiles(dataDir));
      const keys = await Promise.all(
        processes.map(async (files) => {
          await files.next(0);
          return (await files.read()).get(1)?.toString('hex');
        }),
      );
      await processes[0]?.next(0);
      keys.push((await processes[0]?.read())?.get(1)?.toString('hex'));
      expect(new Set(keys).size).toBe(1);
      expect(await readdir(join(dataDir, 'master'))).toEqual(['1.key']);
    });
  });

  it('are destroyed, also a second time', async () => {
    await withTemporaryDirectory(async (dataDir) => {
      const files = new MasterKeyFiles(dataDir);
      await files.next(0);
      await files.next(1);
      expect([await files.destroy(1), await files.destroy(1)]).toEqual([true, true]);
      expect([...(await files.read()).keys()]).toEqual([2]);
      expect(files.placeOf(1)).toBe(join(dataDir, 'master', '1.key'));
    });
  });

  it('are those with the name of a generation: others are drafts or copies', async () => {
    await withTemporaryDirectory(async (dataDir) => {
      const files = new MasterKeyFiles(dataDir);
      await files.next(0);
      for (const name of ['0.key', '01.key', '2.key.bak', '.3.key', 'key', '1234567890.key']) {
        await writeFile(join(dataDir, 'master', name), 'x');
      }
      expect([...(await files.read()).keys()]).toEqual([1]);
    });
  });

  it.each(['', 'x', Buffer.alloc(31).toString('base64'), Buffer.alloc(33).toString('base64'), '*'.repeat(44)])(
    'are named if they hold no key: %j',
    async (text) => {
      await withTemporaryDirectory(async (dataDir) => {
        await mkdir(join(dataDir, 'master'));
        await writeFile(join(dataDir, 'master', '1.key'), text);
        const read = new MasterKeyFiles(dataDir).read();
        await expect(read).rejects.toThrow(InvalidMasterKey);
        await expect(read).rejects.toThrow(join('master', '1.key'));
      });
    },
  );

  it('are not made in a folder that cannot be written', async () => {
    await withTemporaryDirectory(async (dataDir) => {
      await writeFile(join(dataDir, 'master'), 'a file in the place of the folder');
      await expect(new MasterKeyFiles(dataDir).next(0)).rejects.toThrow('EEXIST');
      await chmod(join(dataDir, 'master'), 0o600);
    });
  });
});

describe('the setting of master keys', () => {
  const [old, present] = [Buffer.alloc(32, 1), Buffer.alloc(32, 2)];

  it('has the newest in front, which the operator alone can add to', async () => {
    const setting = new MasterKeySetting([
      [7, present],
      [3, old],
    ]);
    expect(await setting.read()).toEqual(
      new Map([
        [7, present],
        [3, old],
      ]),
    );
    expect([await setting.next(0), await setting.next(3), await setting.next(7)]).toEqual([7, 7, undefined]);
    expect([await setting.destroy(3), await setting.destroy(2)]).toEqual([false, true]);
    expect([setting.isOfOperator, setting.placeOf()]).toEqual([true, 'VERBATIM_MASTER_KEY']);
  });
});
