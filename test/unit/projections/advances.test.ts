import { getEventListeners } from 'node:events';
import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { Advances } from '../../../src/projections/advances.js';

const never = () => new AbortController().signal;

/** Notes the name of each wait that has ended. */
function noted() {
  const ended: string[] = [];
  return { ended, note: (name: string, wait: Promise<void>) => void wait.then(() => ended.push(name)) };
}

describe('the advances of views', () => {
  it('wake each reader that waits for the view, once', async () => {
    const advances = new Advances();
    const { ended, note } = noted();
    note('one', advances.next('messages', never()));
    note('other', advances.next('messages', never()));
    note('of another view', advances.next('usage', never()));
    advances.tell('messages');
    await turnOfTheLoop();
    expect(ended.sort()).toEqual(['one', 'other']);
    advances.tell('messages');
    advances.tell('usage');
    await turnOfTheLoop();
    expect(ended).toEqual(['one', 'other', 'of another view']);
  });

  it('tell a lane of a reader that comes later, and of one that waits already', async () => {
    const advances = new Advances();
    const { ended, note } = noted();
    note('early lane', advances.wished('messages', never()));
    await turnOfTheLoop();
    expect(ended).toEqual([]);
    const reader = advances.next('messages', never());
    note('late lane', advances.wished('messages', never()));
    await turnOfTheLoop();
    expect(ended.sort()).toEqual(['early lane', 'late lane']);
    advances.tell('messages');
    await reader;
    note('lane without a reader', advances.wished('messages', never()));
    await turnOfTheLoop();
    expect(ended).toHaveLength(2);
  });

  it('end a wait when it is aborted, and leave nothing behind', async () => {
    const advances = new Advances();
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
});
