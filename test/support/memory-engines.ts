import { MemoryCheckpoints } from '../../src/adapters/memory/memory-checkpoints.js';
import { MemoryEventLog } from '../../src/adapters/memory/memory-event-log.js';
import { MemoryKeys } from '../../src/adapters/memory/memory-keys.js';
import { MemoryLeases } from '../../src/adapters/memory/memory-leases.js';
import { systemClock } from '../../src/adapters/system/system-clock.js';
import type { Engines } from '../../src/engines.js';

/** Everything that the product runs on, for as long as the process lives. */
export function memoryEngines(): Engines {
  return {
    log: new MemoryEventLog(),
    checkpoints: new MemoryCheckpoints(),
    leases: new MemoryLeases(systemClock),
    keys: new MemoryKeys(),
    logDescription: 'in memory',
    close: async () => {},
  };
}
