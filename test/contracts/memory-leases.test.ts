import { systemClock } from '../../src/adapters/system/system-clock.js';
import { MemoryLeases } from '../support/memory/memory-leases.js';
import { leasesContract } from './leases.contract.js';

leasesContract('memory', async () => {
  const leases = new MemoryLeases(systemClock);
  return { open: async () => leases, destroy: async () => {} };
});
