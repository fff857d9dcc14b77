import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { systemClock } from '../../src/adapters/system/system-clock.js';
import { limits } from '../../src/limits.js';
import type { Checkpoints } from '../../src/ports/checkpoints.js';
import { RetryableError, TerminalError } from '../../src/ports/errors.js';
import type { EventLog } from '../../src/ports/event-log.js';
import type { Leases } from '../../src/ports/leases.js';
import { type Subscription, SubscriptionRunner } from '../../src/sagas/subscription-runner.js';
import { MemoryHints } from '../support/memory/memory-hints.js';
import { newDelta, newDeltas, newStream } from '../support/new-events.js';
import { RecordedHealth } from '../support/recorded-health.js';
import { until } from '../support/until.js';

export interface RunnerStores {
  readonly log: EventLog;
  readonly checkpoints: Checkpoints;
  readonly leases: Leases;
  destroy(): Promise<void>;
}

const LEASE_MS = 300;

/** The durable runner, on any engine's log, checkpoints and leases. */
export function subscriptionRunnerContract(engine: string, createStores: () => Promise<RunnerStores>): void {
  describe(`the subscription runner on ${engine}`, () => {
    let stores: RunnerStores;
    let started: SubscriptionRunner[];
    let health: RecordedHealth;
    let warnings: { facts: object; message: string }[];
    const warn = (facts: object, message: string) => void warnings.push({ facts, message });

    beforeEach(async () => {
      stores = await createStores();
      started = [];
      health = new RecordedHealth();
      warnings = [];
    });
    afterEach(async () => {
      await Promise.all(started.map((runner) => runner.stop()));
      await stores.destroy();
    });

    function start(
      handle: Subscription['handle'],
      holder = 'node-1',
      filter?: Subscription['filter'],
    ): SubscriptionRunner {
      return startAs({ name: 'test', handle, ...(filter && { filter }) }, holder);
    }

    const startInAnyOrder = (handle: Subscription['handle']) =>
      startAs({ name: 'test', handle, inAnyOrder: true }, 'node-1');

    function startAs(subscription: Subscription, holder: string): SubscriptionRunner {
      const parts = {
        ...stores,
        hints: new MemoryHints(),
        clock: systemClock,
        holder,
        leaseMs: LEASE_MS,
        warn,
        health,
      };
      const runner = new SubscriptionRunner(subscription, parts);
      started.push(runner);
      runner.start();
      return runner;
    }

    function recorder() {
      const ids: string[] = [];
      return { ids, handle: async ({ id }: { id: string }) => void ids.push(id) };
    }

    const isLive = (runner: SubscriptionRunner) => runner.state.is === 'running' && runner.state.live;

    it('delivers every event in order, and continues live', async () => {
      const events = newDeltas(20);
      await stores.log.append(newStream(), 'none', events.slice(0, 10));
      const { ids, handle } = recorder();
      const runner = start(handle);
      await until(() => isLive(runner));
      await stores.log.append(newStream(), 'none', events.slice(10));
      await until(() => ids.length === 20);
      expect(ids).toEqual(events.map(({ id }) => id));
    });

    it('waits for its handler before the next event', async () => {
      let running = 0;
      let handled = 0;
      await stores.log.append(newStream(), 'none', newDeltas(10));
      start(async () => {
        running += 1;
        expect(running).toBe(1);
        await new Promise((resolve) => setImmediate(resolve));
        running -= 1;
        handled += 1;
      });
      await until(() => handled === 10);
    });

    it('handles the events of a page in parallel if their order does not matter, and then the next page', async () => {
      const events = newDeltas(3);
      await stores.log.append(newStream(), 'none', events);
      const begun: string[] = [];
      let letGo = () => {};
      const blocked = new Promise<void>((resolve) => {
        letGo = resolve;
      });
      const runner = startInAnyOrder(async ({ id }) => {
        begun.push(id);
        await blocked;
      });
      await until(() => begun.length === 3);
      expect((await runner.backlog()).oldestAt).toBe(events[0]?.at);
      await stores.log.append(newStream(), 'none', newDeltas(1));
      letGo();
      await until(() => begun.length === 4);
    });

    it('stops at an event that fails among those of a page, and delivers the whole page again', async () => {
      const events = newDeltas(3);
      await stores.log.append(newStream(), 'none', events);
      const { ids, handle } = recorder();
      let broken = true;
      const runner = startInAnyOrder(async (event) => {
        if (broken && event.revision === 1) throw new TerminalError('broken');
        await handle(event);
      });
      await until(() => runner.state.is === 'poisoned');
      expect(runner.state).toMatchObject({ poison: { event: { revision: 1 } } });
      broken = false;
      runner.start();
      await until(() => isLive(runner));
      expect(new Set(ids)).toEqual(new Set(events.map(({ id }) => id)));
    });

    it('continues after the last checkpoint when it is started again', async () => {
      const events = newDeltas(6);
      await stores.log.append(newStream(), 'none', events.slice(0, 3));
      const first = recorder();
      const runner = start(first.handle);
      await until(() => isLive(runner));
      await runner.stop();
      expect(runner.state).toEqual({ is: 'stopped' });
      await stores.log.append(newStream(), 'none', events.slice(3));
      const second = recorder();
      start(second.handle);
      await until(() => second.ids.length === 3);
      expect([...first.ids, ...second.ids]).toEqual(events.map(({ id }) => id));
    });

    it('stops between two events, and hands the rest to the next owner', async () => {
      const events = newDeltas(5);
      await stores.log.append(newStream(), 'none', events);
      const first = recorder();
      let stopped: Promise<void> | undefined;
      const runner = start(async (event) => {
        await first.handle(event);
        if (first.ids.length === 2) stopped = runner.stop();
      });
      await until(() => stopped !== undefined);
      await stopped;
      const second = recorder();
      start(second.handle, 'node-2');
      await until(() => second.ids.at(-1) === events[4]?.id);
      expect(first.ids).toHaveLength(2);
      expect([...first.ids, ...second.ids]).toEqual(events.map(({ id }) => id));
    });

    it('starts again if start() is called while it stops', async () => {
      const { ids, handle } = recorder();
      const runner = start(handle);
      await until(() => isLive(runner));
      const stopped = runner.stop();
      runner.start();
      await stopped;
      await stores.log.append(newStream(), 'none', newDeltas(1));
      await until(() => ids.length === 1);
    });

    it('does not write a checkpoint for each event that it leaves out', async () => {
      let saves = 0;
      const { checkpoints } = stores;
      const counting: Checkpoints = {
        read: (...args) => checkpoints.read(...args),
        open: (...args) => checkpoints.open(...args),
        save: (...args) => {
          saves += 1;
          return checkpoints.save(...args);
        },
      };
      stores = { ...stores, checkpoints: counting };
      const { ids, handle } = recorder();
      const runner = start(handle, 'node-1', { categories: ['conversation'] });
      await until(() => isLive(runner));
      const began = performance.now();
      for (let nth = 0; nth < 200; nth++) await stores.log.append(newStream('generation'), 'none', newDeltas(1));
      await stores.log.append(newStream('conversation'), 'none', newDeltas(1));
      await until(() => ids.length === 1);
      await runner.stop();
      // One for each renewal of the lease besides.
      const renewals = (performance.now() - began) / (LEASE_MS / 3);
      expect(saves).toBeLessThanOrEqual(3 + (performance.now() - began) / limits.checkpointMs + renewals);
      expect(await checkpoints.open('test', 1_000)).toBe(await stores.log.head());
    });

    it('sees only the categories that it asked for, and its checkpoint passes the others', async () => {
      const wanted = newDelta();
      await stores.log.append(newStream('generation'), 'none', newDeltas(3));
      await stores.log.append(newStream('conversation'), 'none', [wanted]);
      await stores.log.append(newStream('generation'), 'none', newDeltas(3));
      const { ids, handle } = recorder();
      const runner = start(handle, 'node-1', { categories: ['conversation'] });
      await until(() => isLive(runner));
      expect(ids).toEqual([wanted.id]);
      expect(await runner.backlog()).toMatchObject({ distance: 0, oldestAt: undefined, estimated: false });
      await runner.stop();
      expect(await stores.checkpoints.open('test', 1_000)).toBe(await stores.log.head());
    });

    it('tries a failed event again, before any other', async () => {
      const events = newDeltas(3);
      await stores.log.append(newStream(), 'none', events);
      const { ids, handle } = recorder();
      let failures = 0;
      start(async (event) => {
        if (event.id === events[1]?.id && failures < 2) {
          failures += 1;
          throw new Error('not yet');
        }
        await handle(event);
      });
      await until(() => ids.length === 3);
      expect(ids).toEqual(events.map(({ id }) => id));
      expect(failures).toBe(2);
    });

    const damaged = Object.assign(new Error('it quotes somebody'), { code: 'X1' });

    it.each([
      ['at once, on what can never work', new TerminalError('broken'), 1, 'broken'],
      ['after a number of tries, on what keeps failing', damaged, limits.handlerAttemptsMax, 'Error X1'],
    ])('stops %s, warns once, and continues there when started again', async (_, failure, triesExpected, reason) => {
      const events = newDeltas(3);
      const stream = newStream();
      await stores.log.append(stream, 'none', events);
      let tries = 0;
      let broken = true;
      const { ids, handle } = recorder();
      const runner = start(async (event) => {
        if (broken && event.revision === 1) {
          tries += 1;
          throw failure;
        }
        await handle(event);
      });
      await until(() => runner.state.is === 'poisoned');
      const poison = { reason, event: { id: events[1]?.id, stream, revision: 1, type: 'DeltaReceived' } };
      expect(runner.state).toEqual({ is: 'poisoned', poison });
      const message = 'a subscription has stopped; it handles no events until it is restarted';
      expect(warnings).toEqual([{ facts: { subscription: 'test', ...poison, err: failure }, message }]);
      expect(tries).toBe(triesExpected);
      expect(ids).toEqual([events[0]?.id]);
      broken = false;
      runner.start();
      await until(() => ids.length === 3);
      expect(ids).toEqual(events.map(({ id }) => id));
    });

    it('never takes an outage for poison', async () => {
      await stores.log.append(newStream(), 'none', newDeltas(1));
      let tries = 0;
      let handled = false;
      start(async () => {
        tries += 1;
        if (tries <= limits.handlerAttemptsMax + 2) throw new RetryableError('away', { retryAfterMs: 1 });
        handled = true;
      });
      await until(() => handled);
    });

    it('has one owner at a time, and another takes over when it stops', async () => {
      const first = recorder();
      const second = recorder();
      const owner = start(first.handle, 'node-1');
      await until(() => isLive(owner));
      const standby = start(second.handle, 'node-2');
      await stores.log.append(newStream(), 'none', newDeltas(3));
      await until(() => first.ids.length === 3);
      expect(standby.state).toEqual({ is: 'waiting' });
      await owner.stop();
      await until(() => isLive(standby));
      await stores.log.append(newStream(), 'none', newDeltas(3));
      await until(() => second.ids.length === 3);
      expect(first.ids).toHaveLength(3);
    });

    it('handles no further event once its checkpoint is refused', async () => {
      const { ids, handle } = recorder();
      const runner = start(handle);
      await until(() => isLive(runner));
      // Somebody with a later lease: this owner has not noticed yet.
      await stores.checkpoints.open('test', 1_000);
      await stores.log.append(newStream(), 'none', newDeltas(1));
      await until(() => runner.state.is === 'waiting');
      await stores.log.append(newStream(), 'none', newDeltas(1));
      await until(async () => (await stores.leases.acquire('test', 'later', LEASE_MS)) !== undefined);
      expect(ids).toHaveLength(1);
    });

    it('refuses the checkpoint of an owner that slept past its lease', async () => {
      const events = newDeltas(2);
      await stores.log.append(newStream(), 'none', events.slice(0, 1));
      // Leases that are never renewed stand for a process that is stopped and woken later.
      const asleep: Leases = { ...bound(stores.leases), renew: () => new Promise(() => {}) };
      let wake = () => {};
      const blocked = new Promise<void>((resolve) => {
        wake = resolve;
      });
      const subscription = { name: 'test', handle: () => blocked };
      const parts = {
        ...stores,
        leases: asleep,
        hints: new MemoryHints(),
        clock: systemClock,
        holder: 'sleeper',
        leaseMs: LEASE_MS,
        warn,
        health,
      };
      const sleeper = new SubscriptionRunner(subscription, parts);
      started.push(sleeper);
      sleeper.start();
      await until(() => sleeper.state.is === 'running');
      const successor = recorder();
      start(successor.handle, 'node-2');
      await stores.log.append(newStream(), 'none', events.slice(1));
      await until(() => successor.ids.length === 2);
      await until(async () => (await positionOfTest()) === (await stores.log.head()));
      const reached = await positionOfTest();
      wake();
      await until(() => sleeper.state.is === 'waiting');
      expect(await positionOfTest()).toBe(reached);

      async function positionOfTest() {
        return stores.checkpoints.open('test', 2);
      }
    });
  });
}

function bound(leases: Leases): Leases {
  return {
    acquire: (...args) => leases.acquire(...args),
    renew: (...args) => leases.renew(...args),
    release: (...args) => leases.release(...args),
    count: (...args) => leases.count(...args),
  };
}
