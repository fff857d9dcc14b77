import type { Views } from '../../../src/app/read-models.js';
import type { Covered, CoveringList } from '../../../src/ports/read-models/questions.js';
import { MemoryAccess } from './memory-access.js';
import { MemoryConversations } from './memory-conversations.js';
import { MemoryMessages } from './memory-messages.js';
import type { MemoryReadModels } from './memory-read-models.js';
import { MemoryRuns } from './memory-runs.js';
import { MemoryUsage } from './memory-usage.js';

/** The queries of all read models on rows in memory: each query reads all of them. */
export const memoryViews = (models: MemoryReadModels): Views => ({
  access: new MemoryAccess(models),
  conversations: new MemoryConversations(models),
  messages: new MemoryMessages(models),
  runs: new MemoryRuns(models),
  usage: new MemoryUsage(models),
  async covered({ name, coverage }: CoveringList, conversations) {
    const covered = new Map<string, Covered>();
    for (const [id, row] of models.rows(name, coverage)) {
      if (!conversations.includes(id)) continue;
      const valueIn = (wanted: string) => coverage.columns.find((column) => column.name === wanted)?.of(row);
      covered.set(id, { seen: Number(valueIn('seen')), isClaimed: valueIn('claimed') !== false });
    }
    return covered;
  },
});
