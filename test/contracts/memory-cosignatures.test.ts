import { MemoryCensus } from '../support/memory/memory-census.js';
import { MemoryCheckpoints } from '../support/memory/memory-checkpoints.js';
import { MemoryCosignatures } from '../support/memory/memory-cosignatures.js';
import { MemoryRecord } from '../support/memory/memory-record.js';
import { cosignaturesContract } from './cosignatures.contract.js';

cosignaturesContract('memory', async () => {
  const checkpoints = new MemoryCheckpoints();
  const record = new MemoryRecord(checkpoints);
  const census = new MemoryCensus(record);
  const cosignatures = new MemoryCosignatures(record, census);
  return { open: async () => ({ cosignatures, census, record, checkpoints }), destroy: async () => {} };
});
