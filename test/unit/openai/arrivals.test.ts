import { PassThrough } from 'node:stream';
import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Arrivals } from '../../../src/adapters/openai/arrivals.js';
import { limits } from '../../../src/limits.js';
import { ModelFailure } from '../../../src/ports/language-model.js';

const PIECE = limits.providerPieceBytesMax;

let turns = 0;
let counting: NodeJS.Immediate;
beforeEach(() => {
  turns = 0;
  const count = () => {
    turns += 1;
    counting = setImmediate(count);
  };
  counting = setImmediate(count);
});
afterEach(() => clearImmediate(counting));

function answering() {
  const answer = new PassThrough({ highWaterMark: 2 * limits.providerQueueBytesMax });
  return { answer, arrivals: new Arrivals(answer as never) };
}

/** What each turn of the event loop was given to do. */
async function bytesByTurn(arrivals: Arrivals, each = (_piece: Buffer): void => {}): Promise<number[]> {
  const bytes = new Map<number, number>();
  for await (const piece of arrivals) {
    bytes.set(turns, (bytes.get(turns) ?? 0) + piece.length);
    each(piece);
  }
  return [...bytes.values()];
}

describe('what a provider has sent', () => {
  it('is handed out in pieces when much has come at once, and everything else has its turn between them', async () => {
    const { answer, arrivals } = answering();
    const sent = Buffer.alloc(limits.providerQueueBytesMax + 1, 'abcdefg');
    answer.end(sent);
    await turnOfTheLoop();
    const pieces: Buffer[] = [];
    expect(await bytesByTurn(arrivals, (piece) => pieces.push(piece))).toEqual([...Array(16).fill(PIECE), 1]);
    expect(Buffer.concat(pieces).equals(sent)).toBe(true);
  });

  it('leaves everything else its turn also when it comes as fast as it is taken', async () => {
    const { answer, arrivals } = answering();
    const chunk = Buffer.alloc(PIECE / 4 + 1);
    let left = 100;
    const more = () => {
      if (left-- > 0) answer.emit('data', chunk);
      else answer.end();
    };
    more();
    const most = Math.max(...(await bytesByTurn(arrivals, more)));
    expect(most).toBeLessThan(2 * PIECE);
  });

  it('waits for the next moment once it may wait, and comes with everything that has come until then', async () => {
    const { answer, arrivals } = answering();
    const reading = arrivals[Symbol.asyncIterator]();
    answer.emit('data', Buffer.from('first'));
    expect(`${(await reading.next()).value}`).toBe('first');
    const moments: (() => void)[] = [];
    arrivals.handOutAt({ readAtNext: (call) => moments.push(call) });
    const next = reading.next();
    for (const token of ['a', 'b', 'c']) {
      await turnOfTheLoop();
      answer.emit('data', Buffer.from(token));
    }
    expect(moments).toHaveLength(1);
    moments.shift()?.();
    expect(`${(await next).value}`).toBe('abc');
    answer.emit('data', Buffer.from('d'));
    expect(moments).toHaveLength(1);
  });

  it.each<[string, (answer: PassThrough) => void, string]>([
    ['its end has come', (answer) => void answer.end(), 'x'],
    [
      'it is much',
      (answer) => void answer.emit('data', Buffer.alloc(limits.providerWaitingBytesMax, 'y')),
      `x${'y'.repeat(limits.providerWaitingBytesMax)}`,
    ],
  ])('does not wait for a moment when %s', async (_, come, expected) => {
    const { answer, arrivals } = answering();
    arrivals.handOutAt({ readAtNext: () => {} });
    const reading = arrivals[Symbol.asyncIterator]();
    const next = reading.next();
    answer.emit('data', Buffer.from('x'));
    await turnOfTheLoop();
    come(answer);
    expect(`${(await next).value}`).toBe(expected);
  });

  it('is handed out before the failure that ended it', async () => {
    const { answer, arrivals } = answering();
    arrivals.handOutAt({ readAtNext: () => {} });
    const reading = arrivals[Symbol.asyncIterator]();
    const next = reading.next();
    answer.emit('data', Buffer.from('x'));
    await turnOfTheLoop();
    arrivals.fail(new ModelFailure('network', 'reset', { retryable: false }));
    expect(`${(await next).value}`).toBe('x');
    await expect(reading.next()).rejects.toThrow('reset');
  });

  it('is handed out at once when it is little', async () => {
    const { answer, arrivals } = answering();
    const reading = arrivals[Symbol.asyncIterator]();
    for (let nth = 0; nth < 100; nth += 1) {
      const next = reading.next();
      await turnOfTheLoop();
      const before = turns;
      answer.emit('data', Buffer.from('token'));
      expect(`${(await next).value}`).toBe('token');
      expect(turns).toBe(before);
    }
  });
});
