import { MemoryCheckpoints } from '../support/memory/memory-checkpoints.js';
import { checkpointsContract } from './checkpoints.contract.js';

checkpointsContract('memory', async () => {
  const checkpoints = new MemoryCheckpoints();
  return { open: async () => checkpoints, destroy: async () => {} };
});
