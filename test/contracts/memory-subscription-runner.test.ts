import { systemClock } from '../../src/adapters/system/system-clock.js';
import { MemoryCheckpoints } from '../support/memory/memory-checkpoints.js';
import { MemoryEventLog, type PositionShape } from '../support/memory/memory-event-log.js';
import { MemoryLeases } from '../support/memory/memory-leases.js';
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
