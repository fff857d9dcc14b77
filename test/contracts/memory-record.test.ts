import { MemoryCheckpoints } from '../support/memory/memory-checkpoints.js';
import { MemoryRecord } from '../support/memory/memory-record.js';
import { recordContract } from './record.contract.js';

recordContract('memory', async () => {
  const checkpoints = new MemoryCheckpoints();
  const record = new MemoryRecord(checkpoints);
  return { open: async () => ({ record, checkpoints }), destroy: async () => {} };
});
