import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import type { CommandBus } from '@nestjs/cqrs';
import { systemClock } from '../../src/adapters/system/system-clock.js';
import { systemIds } from '../../src/adapters/system/system-ids.js';
import { Folds } from '../../src/commands/folds.js';
import { type OpenDefaultTenant, OpenDefaultTenantHandler } from '../../src/commands/open-default-tenant.js';
import { loadConfig } from '../../src/config.js';
import { tenant } from '../../src/domain/tenant.js';
import { createCodec } from '../../src/events/codec.js';
import { openDefaultTenant } from '../../src/first-key.js';
import { memoryEngines } from '../support/memory-engines.js';
import { withTemporaryDirectory } from '../support/temporary-directory.js';

/** Starts of several nodes on one log; `before` runs when a start is about to issue its key. */
function startOn({ log, keys }: ReturnType<typeof memoryEngines>) {
  const codec = createCodec();
  const tenants = new Folds(log, codec, tenant);
  const handler = new OpenDefaultTenantHandler({ log, keys, codec, tenants, clock: systemClock, ids: systemIds });
  return (dataDir: string, before = async () => {}) => {
    const execute = async (command: OpenDefaultTenant) => {
      await before();
      return handler.execute(command);
    };
    const bus = { execute } as unknown as CommandBus;
    return openDefaultTenant(loadConfig({ VERBATIM_DATA_DIR: dataDir }), log, bus);
  };
}

describe('the key of a first start', () => {
  it('stays in its file when another start on the same directory takes it from there and is faster', async () => {
    await withTemporaryDirectory(async (dataDir) => {
      const start = startOn(memoryEngines());
      const shown: (string | undefined)[] = [];
      shown.push(await start(dataDir, async () => void shown.push(await start(dataDir))));
      const kept = (await readFile(join(dataDir, 'admin.key'), 'utf8')).trim();
      expect(shown).toEqual([kept, undefined]);
    });
  });

  it('is not left in a file where it opens nothing, because a node with another directory was faster', async () => {
    await withTemporaryDirectory((one) =>
      withTemporaryDirectory(async (other) => {
        const start = startOn(memoryEngines());
        expect(await start(one, async () => void (await start(other)))).toBeUndefined();
        expect([await readdir(one), await readdir(other)]).toEqual([[], ['admin.key']]);
      }),
    );
  });
});
