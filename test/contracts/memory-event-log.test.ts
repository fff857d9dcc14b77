import { type Hold, heldLog } from '../support/held-log.js';
import { MemoryEventLog, type PositionShape } from '../support/memory/memory-event-log.js';
import { eventLogContract } from './event-log.contract.js';

for (const shape of ['gapless', 'sparse'] satisfies PositionShape[]) {
  const createStore = async () => {
    const log = new MemoryEventLog(shape);
    return { open: async (hold?: Hold) => heldLog(log, hold), destroy: () => log.close() };
  };
  eventLogContract(`memory, with ${shape} positions`, createStore, { countsBacklogs: shape === 'gapless' });
}
