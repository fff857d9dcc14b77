import { MemoryEventLog, type PositionShape } from '../../src/adapters/memory/memory-event-log.js';
import { eventLogContract } from './event-log.contract.js';

for (const shape of ['gapless', 'sparse'] satisfies PositionShape[]) {
  eventLogContract(`memory, with ${shape} positions`, async () => {
    const log = new MemoryEventLog(shape);
    return { open: async () => log, destroy: () => log.close() };
  });
}
