import { MemoryValueKeys } from '../support/memory/memory-value-keys.js';
import { valueKeysContract } from './value-keys.contract.js';

valueKeysContract('memory', async () => {
  const keys = new MemoryValueKeys();
  return { open: async () => keys, destroy: async () => {} };
});
