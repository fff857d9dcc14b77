import { MemoryKeptFolds } from '../support/memory/memory-kept-folds.js';
import { keptFoldsContract } from './kept-folds.contract.js';

keptFoldsContract('memory', async () => {
  const store = new MemoryKeptFolds();
  return { open: async () => store, destroy: async () => {} };
});
