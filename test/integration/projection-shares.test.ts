import { afterEach, describe, it } from '@jest/globals';
import { systemClock } from '../../src/adapters/system/system-clock.js';
import { RetryableError } from '../../src/ports/errors.js';
import type { Leases } from '../../src/ports/leases.js';
import { projections } from '../../src/projections/all.js';
import { MemoryEventLog } from '../support/memory/memory-event-log.js';
import { MemoryLeases } from '../support/memory/memory-leases.js';
import { MemoryReadModels } from '../support/memory/memory-read-models.js';
import { memoryViews } from '../support/memory/memory-views.js';
import { type Projecting, startProjecting } from '../support/projecting.js';
import { until } from '../support/until.js';

const log = new MemoryEventLog();
let running: Projecting[] = [];
afterEach(async () => {
  await Promise.all(running.map((each) => each.stop()));
  running = [];
});

/** Processes that share their stores and leases. */
function together() {
  const models = new MemoryReadModels();
  const stores = { builds: models, lanes: models, views: memoryViews(models) };
  const leases = new MemoryLeases(systemClock);
  const join = async (holder: string, through: Leases = leases) => {
    const projecting = await startProjecting(log, stores, { leases: through, holder });
    running.push(projecting);
    return projecting;
  };
  return { leases, join };
}

const LANES = projections.length;

/** Every lane has an owner, and no process has more than such a share. */
const shared = (among: number) =>
  until(() => {
    const held = running.map(({ host }) => host.held);
    return held.reduce((sum, each) => sum + each) === LANES && Math.max(...held) <= Math.ceil(LANES / among);
  });

describe('the lanes of all projections', () => {
  it('are shared out among the processes that there are, also with those that come later', async () => {
    const { join } = together();
    await join('one');
    await shared(1);
    await join('another');
    await shared(2);
    await join('a third');
    await shared(3);
  });

  it('go to the others when a process stops', async () => {
    const { join } = together();
    const one = await join('one');
    await join('another');
    await shared(2);
    await one.stop();
    await shared(1);
  });

  it('go to the others when a process dies', async () => {
    const { leases, join } = together();
    let isDead = false;
    const dying: Leases = Object.create(leases);
    for (const call of ['acquire', 'renew', 'release', 'count'] as const) {
      Object.assign(dying, {
        [call]: async (...args: never[]) => {
          if (isDead) throw new RetryableError('nobody hears it any more');
          return (leases[call] as (...given: never[]) => unknown)(...args);
        },
      });
    }
    await join('one', dying);
    const other = await join('another');
    await shared(2);
    isDead = true;
    await until(() => other.host.held === LANES);
  });
});
