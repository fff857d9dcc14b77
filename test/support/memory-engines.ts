import { DemoLanguageModel } from '../../src/adapters/demo/demo-language-model.js';
import { MemoryCheckpoints } from '../../src/adapters/memory/memory-checkpoints.js';
import { MemoryEventLog } from '../../src/adapters/memory/memory-event-log.js';
import { MemoryKeys } from '../../src/adapters/memory/memory-keys.js';
import { MemoryLeases } from '../../src/adapters/memory/memory-leases.js';
import { MemoryReadModels } from '../../src/adapters/memory/memory-read-models.js';
import { MemoryViews } from '../../src/adapters/memory/memory-views.js';
import { MemoryWork } from '../../src/adapters/memory/memory-work.js';
import { systemClock } from '../../src/adapters/system/system-clock.js';
import { listPrices } from '../../src/domain/list-prices.js';
import type { Engines } from '../../src/engines.js';

/** Everything that the product runs on, for as long as the process lives. */
export function memoryEngines(): Engines {
  const models = new MemoryReadModels();
  const log = new MemoryEventLog();
  return {
    log,
    incarnations: ['the first'],
    openLogAnew: async () => log,
    builds: models,
    buildStates: models,
    lanes: models,
    views: new MemoryViews(models),
    checkpoints: new MemoryCheckpoints(),
    leases: new MemoryLeases(systemClock),
    keys: new MemoryKeys(),
    work: new MemoryWork(systemClock),
    models: new Map([['demo', new DemoLanguageModel(systemClock)]]),
    prices: listPrices,
    logDescription: 'in memory',
    close: async () => {},
  };
}
