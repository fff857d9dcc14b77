import { getEventListeners } from 'node:events';
import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { limits } from '../../../src/limits.js';
import { Advances } from '../../../src/projections/advances.js';
import { ManualClock } from '../../support/manual-clock.js';
import { MemoryHints } from '../../support/memory/memory-hints.js';

const never = () => new AbortController().signal;

/** Notes the name of each wait that has ended. */
function noted() {
  const ended: string[] = [];
  return { ended, note: (name: string, wait: Promise<void>) => void wait.then(() => ended.push(name)) };
}

describe('the advances of views', () => {
  it('wake each reader that waits for the view, once', async () => {
    const advances = new Advances(new MemoryHints(), new ManualClock());
    const { ended, note } = noted();
    note('one', advances.next('messages', never()));
    note('other', advances.next('messages', never()));
    note('of another view', advances.next('usage', never()));
    advances.moved('messages');
    await turnOfTheLoop();
    expect(ended.sort()).toEqual(['one', 'other']);
    advances.moved('messages');
    advances.moved('usage');
    await turnOfTheLoop();
    expect(ended).toEqual(['one', 'other', 'of another view']);
  });

  it('notify a lane of a query that comes later, and of one that waits already', async () => {
    const advances = new Advances(new MemoryHints(), new ManualClock());
    const { ended, note } = noted();
    note('early lane', advances.wished('messages', never()));
    await turnOfTheLoop();
    expect(ended).toEqual([]);
    const endWish = advances.wish('messages');
    note('late lane', advances.wished('messages', never()));
    await turnOfTheLoop();
    expect(ended.sort()).toEqual(['early lane', 'late lane']);
    endWish();
    note('lane without a reader', advances.wished('messages', never()));
    await turnOfTheLoop();
    expect(ended).toHaveLength(2);
  });

  it('end a wait when it is aborted, and leave nothing behind', async () => {
    const advances = new Advances(new MemoryHints(), new ManualClock());
    const left = new AbortController();
    const { ended, note } = noted();
    note('reader', advances.next('messages', left.signal));
    note('lane', advances.wished('usage', left.signal));
    left.abort();
    await turnOfTheLoop();
    expect(ended.sort()).toEqual(['lane', 'reader']);
    expect(getEventListeners(left.signal, 'abort')).toEqual([]);
    note('too late', advances.next('messages', left.signal));
    await turnOfTheLoop();
    expect(ended).toContain('too late');
    note('no reader is left', advances.wished('messages', never()));
    await turnOfTheLoop();
    expect(ended).not.toContain('no reader is left');
  });

  it('notify a lane of another process that a query waits, for a moment', async () => {
    const clock = new ManualClock();
    const hints = new MemoryHints();
    const [here, elsewhere] = [new Advances(hints, clock), new Advances(hints, clock)];
    const close = elsewhere.laneOpened('messages');
    const { ended, note } = noted();
    note('lane that waits', elsewhere.wished('messages', never()));
    here.wish('messages');
    note('lane that waits a moment later', elsewhere.wished('messages', never()));
    await turnOfTheLoop();
    expect(ended.sort()).toEqual(['lane that waits', 'lane that waits a moment later']);
    await clock.pass(limits.viewWishMs);
    note('lane that waits much later', elsewhere.wished('messages', never()));
    close();
    here.wish('messages');
    await turnOfTheLoop();
    expect(ended).toHaveLength(2);
  });

  it('send no wish to other processes where a lane of this process applies the view', async () => {
    const hints = new MemoryHints();
    const advances = new Advances(hints, new ManualClock());
    let sent = 0;
    hints.listen('wish messages', () => {
      sent += 1;
    });
    const close = advances.laneOpened('messages');
    advances.wish('messages')();
    expect(sent).toBe(0);
    close();
    advances.wish('messages')();
    expect(sent).toBe(1);
  });
});
