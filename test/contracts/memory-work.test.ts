import { systemClock } from '../../src/adapters/system/system-clock.js';
import { MemoryWork } from '../support/memory/memory-work.js';
import { workContract } from './work.contract.js';

workContract('memory', async () => {
  const work = new MemoryWork(systemClock);
  return { open: async () => work, destroy: async () => {} };
});
