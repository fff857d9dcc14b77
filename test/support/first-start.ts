import type { CommandBus } from '@nestjs/cqrs';
import { systemClock } from '../../src/adapters/system/system-clock.js';
import { systemIds } from '../../src/adapters/system/system-ids.js';
import { openDefaultTenant } from '../../src/app/first-key.js';
import { Folds } from '../../src/commands/folds.js';
import { type OpenDefaultTenant, OpenDefaultTenantHandler } from '../../src/commands/open-default-tenant.js';
import { loadConfig } from '../../src/config.js';
import { tenant } from '../../src/domain/tenant.js';
import { createCodec } from '../../src/events/codec.js';
import type { EventLog } from '../../src/ports/event-log.js';
import type { Keys } from '../../src/ports/keys.js';

/** Starts on one log, as far as the first key goes; `before` runs when a start is about to issue its key. */
export function firstStartOn({ log, keys }: { log: EventLog; keys: Keys }) {
  const codec = createCodec();
  const tenants = new Folds(log, codec, tenant);
  const handler = new OpenDefaultTenantHandler({ log, keys, codec, tenants, clock: systemClock, ids: systemIds });
  return (
    dataDir: string,
    before = async () => {},
    environment: NodeJS.ProcessEnv = {},
  ): Promise<string | undefined> => {
    const execute = async (command: OpenDefaultTenant) => {
      await before();
      return handler.execute(command);
    };
    const bus = { execute } as unknown as CommandBus;
    return openDefaultTenant(loadConfig({ VERBATIM_DATA_DIR: dataDir, ...environment }), log, bus);
  };
}
