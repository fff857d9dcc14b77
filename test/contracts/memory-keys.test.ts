import { MemoryKeys } from '../support/memory/memory-keys.js';
import { keysContract } from './keys.contract.js';

keysContract('memory', async () => {
  const keys = new MemoryKeys();
  return { open: async () => keys, destroy: async () => {} };
});
