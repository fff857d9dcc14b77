import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { START } from '../../src/events/envelope.js';
import { firstStartOn } from '../support/first-start.js';
import { memoryEngines } from '../support/memory-engines.js';
import { withTemporaryDirectory } from '../support/temporary-directory.js';

describe('the key of a first start', () => {
  it('stays in its file when another start on the same directory takes it from there and is faster', async () => {
    await withTemporaryDirectory(async (dataDir) => {
      const start = firstStartOn(memoryEngines());
      const shown: (string | undefined)[] = [];
      shown.push(await start(dataDir, async () => void shown.push(await start(dataDir))));
      const kept = (await readFile(join(dataDir, 'admin.key'), 'utf8')).trim();
      expect(shown).toEqual([kept, undefined]);
    });
  });

  it('is not left in the file if it is invalid, because a node with another directory was faster', async () => {
    await withTemporaryDirectory((one) =>
      withTemporaryDirectory(async (other) => {
        const start = firstStartOn(memoryEngines());
        expect(await start(one, async () => void (await start(other)))).toBeUndefined();
        expect([await readdir(one), await readdir(other)]).toEqual([[], ['admin.key']]);
      }),
    );
  });

  it.each(['saga', 'projections', 'relay', 'saga,projections,relay'])(
    'is left to a process with the role api by one with the roles %s',
    async (roles) => {
      await withTemporaryDirectory(async (dataDir) => {
        const engines = memoryEngines();
        const start = firstStartOn(engines);
        expect(await start(dataDir, undefined, { VERBATIM_ROLES: roles })).toBeUndefined();
        expect(await readdir(dataDir)).toEqual([]);
        expect(await engines.log.head()).toBe(START);
        expect(await start(dataDir)).toMatch(/^vb_admin_/);
      });
    },
  );
});
