import { MemoryCheckpoints } from '../../src/adapters/memory/memory-checkpoints.js';
import { MemoryEventLog, type PositionShape } from '../../src/adapters/memory/memory-event-log.js';
import { MemoryLeases } from '../../src/adapters/memory/memory-leases.js';
import { systemClock } from '../../src/adapters/system/system-clock.js';
import { subscriptionRunnerContract } from './subscription-runner.contract.js';

for (const shape of ['gapless', 'sparse'] satisfies PositionShape[]) {
  subscriptionRunnerContract(`memory, with ${shape} positions`, async () => {
    const log = new MemoryEventLog(shape);
    return {
      log,
      checkpoints: new MemoryCheckpoints(),
      leases: new MemoryLeases(systemClock),
      destroy: () => log.close(),
    };
  });
}
