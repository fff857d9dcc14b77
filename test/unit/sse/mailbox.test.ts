import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { Mailbox } from '../../../src/sse/mailbox.js';

interface Letter {
  readonly text: string;
}

const letter = (text: string): Letter => ({ text });

describe('a mailbox', () => {
  let grown: number[];
  let mailbox: Mailbox<Letter>;
  let stop: AbortController;
  let taken: string[];

  beforeEach(() => {
    grown = [];
    taken = [];
    stop = new AbortController();
    mailbox = new Mailbox(
      ({ text }) => text.length,
      (weight) => grown.push(weight),
    );
  });

  async function read(): Promise<void> {
    for await (const { text } of mailbox.taken(stop.signal)) taken.push(text);
  }

  it('returns each item once, in order, also items that were put before the first read', async () => {
    mailbox.put(letter('a'));
    mailbox.put(letter('b'));
    const reading = read();
    await turnOfTheLoop();
    mailbox.put(letter('c'));
    await turnOfTheLoop();
    expect(taken).toEqual(['a', 'b', 'c']);
    stop.abort();
    await reading;
  });

  it('reports the weight of the waiting items, without taken ones', async () => {
    mailbox.put(letter('four'));
    mailbox.put(letter('two'));
    const reading = read();
    await turnOfTheLoop();
    mailbox.put(letter('seven77'));
    expect(grown).toEqual([4, 7, 7]);
    stop.abort();
    await reading;
  });

  it('is awaited only while its reader has nothing to do', async () => {
    expect(mailbox.isAwaited).toBe(false);
    const reading = read();
    await turnOfTheLoop();
    expect(mailbox.isAwaited).toBe(true);
    mailbox.put(letter('a'));
    expect(mailbox.isAwaited).toBe(false);
    await turnOfTheLoop();
    expect(mailbox.isAwaited).toBe(true);
    stop.abort();
    expect(mailbox.isAwaited).toBe(false);
    await reading;
  });

  it('fails behind what was put before, and takes nothing after', async () => {
    mailbox.put(letter('a'));
    mailbox.fail(new Error('missed'));
    mailbox.put(letter('b'));
    await expect(read()).rejects.toThrow('missed');
    expect(taken).toEqual(['a']);
  });

  it('wakes a reader who waits when it fails', async () => {
    const reading = read();
    await turnOfTheLoop();
    mailbox.fail(new Error('missed'));
    await expect(reading).rejects.toThrow('missed');
  });
});
