import { describe, expect, it } from '@jest/globals';
import { FlushClock } from '../../../src/sagas/flush-clock.js';
import { ManualClock } from '../../support/manual-clock.js';

/** A clock that counts its timers, and how many callbacks each of them led to. */
function counted(intervalMs: number) {
  const clock = new ManualClock();
  let timers = 0;
  const flushes = new FlushClock(
    {
      monotonic: () => clock.monotonic(),
      sleep: (milliseconds) => {
        timers += 1;
        return clock.sleep(milliseconds);
      },
    },
    intervalMs,
  );
  return { clock, flushes, timers: () => timers };
}

describe('the flush clock', () => {
  it('calls everything that waits in one turn of the event loop, with one timer', async () => {
    const { clock, flushes, timers } = counted(50);
    const called: string[] = [];
    const turns: number[] = [];
    let turn = 0;
    const note = (name: string) => () => {
      called.push(name);
      turns.push(turn);
      void Promise.resolve().then(() => {
        turn += 1;
      });
    };
    flushes.atNext(note('early'));
    await clock.pass(30);
    flushes.atNext(note('late'));
    expect(called).toEqual([]);
    await clock.pass(20);
    expect(called).toEqual(['early', 'late']);
    expect(new Set(turns)).toEqual(new Set([0]));
    expect(timers()).toBe(1);
  });

  it('calls at multiples of the interval, so that also streams that began at different times meet', async () => {
    const { clock, flushes } = counted(50);
    await clock.pass(70);
    const at: number[] = [];
    flushes.atNext(() => at.push(clock.monotonic()));
    await clock.pass(200);
    flushes.atNext(() => at.push(clock.monotonic()));
    await clock.pass(50);
    expect(at).toEqual([100, 300]);
  });

  it('sets no timer while nothing waits', async () => {
    const { clock, flushes, timers } = counted(50);
    flushes.atNext(() => {});
    await clock.pass(1_000);
    expect(timers()).toBe(1);
  });

  it('lets texts be read before it lets them be appended, so that none waits for a second moment', async () => {
    const { clock, flushes, timers } = counted(50);
    const called: string[] = [];
    const read = async () => {
      called.push('read');
      // As many steps as a stream may have between its socket and what is to be appended.
      for (let step = 0; step < 20; step++) await Promise.resolve();
      flushes.atNext(() => called.push('append'));
    };
    flushes.readAtNext(() => void read());
    await clock.pass(50);
    await new Promise((resolve) => setImmediate(resolve));
    expect(called).toEqual(['read', 'append']);
    expect(timers()).toBe(1);
    flushes.readAtNext(() => called.push('next'));
    await clock.pass(50);
    expect(called).toEqual(['read', 'append', 'next']);
  });

  it('keeps a reader for the next moment that comes while texts are read', async () => {
    const { clock, flushes } = counted(50);
    const at: number[] = [];
    flushes.readAtNext(() => {
      at.push(clock.monotonic());
      flushes.readAtNext(() => at.push(clock.monotonic()));
    });
    await clock.pass(200);
    expect(at).toEqual([50, 100]);
  });

  it('calls in the next turn of the event loop when texts are not joined', async () => {
    const { clock, flushes } = counted(0);
    let calls = 0;
    flushes.atNext(() => {
      calls += 1;
    });
    expect(calls).toBe(0);
    await clock.pass(0);
    expect(calls).toBe(1);
  });
});
