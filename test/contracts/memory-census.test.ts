import { MemoryCensus } from '../support/memory/memory-census.js';
import { MemoryCheckpoints } from '../support/memory/memory-checkpoints.js';
import { MemoryRecord } from '../support/memory/memory-record.js';
import { censusContract } from './census.contract.js';

censusContract('memory', async () => {
  const checkpoints = new MemoryCheckpoints();
  const record = new MemoryRecord(checkpoints);
  const census = new MemoryCensus(record);
  return { open: async () => ({ census, record, checkpoints }), destroy: async () => {} };
});
