import { MemoryReadModels } from '../support/memory/memory-read-models.js';
import { memoryViews } from '../support/memory/memory-views.js';
import { readModelsContract } from './read-models.contract.js';

readModelsContract('memory', async () => {
  const models = new MemoryReadModels();
  return { builds: models, lanes: models, views: memoryViews(models), destroy: async () => {} };
});
