import { afterEach, expect, it } from '@jest/globals';
import { projections } from '../../src/projections/all.js';
import { ChatLog } from '../support/chat-log.js';
import { MemoryEventLog } from '../support/memory/memory-event-log.js';
import { MemoryReadModels } from '../support/memory/memory-read-models.js';
import { memoryViews } from '../support/memory/memory-views.js';
import { type Projecting, startProjecting } from '../support/projecting.js';
import { until } from '../support/until.js';

let projecting: Projecting;
afterEach(() => projecting.stop());

it('a swap that fails is reported, keeps no other build from going live, and is tried again', async () => {
  const models = new MemoryReadModels();
  const swap = models.swap.bind(models);
  let isBroken = true;
  models.swap = async (build) => {
    if (isBroken && build.projection === 'conversations') throw new TypeError('no such thing');
    return swap(build);
  };
  const log = new MemoryEventLog();
  projecting = await startProjecting(log, { builds: models, lanes: models, views: memoryViews(models) });
  await (await new ChatLog(log).started()).turn('1', ['Hello']);
  await projecting.caughtUp();
  for (const projection of projections) expect(await models.begin(projection)).toBe(true);
  projecting.host.wake();
  const building = async () =>
    (await models.list()).flatMap(({ state, projection }) => (state === 'building' ? [projection] : []));

  await until(async () => (await building()).join() === 'conversations');
  const { failing, failures } = projecting.health;
  expect([...failing]).toEqual(['swap of conversations']);
  expect(failures[0]?.error).toBeInstanceOf(TypeError);

  isBroken = false;
  projecting.host.wake();
  await until(async () => (await building()).length === 0 && failing.size === 0);
});
