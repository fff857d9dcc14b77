import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { limits } from '../../../src/limits.js';
import type { Clock } from '../../../src/ports/clock.js';
import { JoinedText } from '../../../src/sagas/answer-pieces.js';
import { FlushClock } from '../../../src/sagas/flush-clock.js';

/** Time that stands still until somebody sleeps, and then has passed. */
function jumpingClock(): Clock {
  let nowMs = 1_000;
  return {
    now: () => nowMs,
    monotonic: () => nowMs,
    async sleep(milliseconds) {
      await new Promise((resolve) => setImmediate(resolve));
      nowMs += Math.max(0, milliseconds);
    },
  };
}

const content = (text: string) => ({ block: 1, channel: 'content' as const, text });
const reasoning = (text: string) => ({ block: 0, channel: 'reasoning' as const, text });
const INTERVAL_MS = 50;
const BYTES = 10;
const windowOn = (clock: Clock) => ({ flushes: new FlushClock(clock, INTERVAL_MS), bytes: BYTES });

async function all(text: JoinedText) {
  const batches = [];
  for (;;) {
    const { pieces, isLast } = await text.next();
    batches.push(pieces);
    if (isLast) return batches;
  }
}

describe('joined text', () => {
  it('lets the first piece go at once, and what came meanwhile together', async () => {
    const text = new JoinedText(windowOn(jumpingClock()));
    text.add(content('a'));
    expect(await text.next()).toEqual({ pieces: [content('a')], isLast: false });
    text.add(content('b'));
    text.add(content('c'));
    expect(await text.next()).toEqual({ pieces: [content('bc')], isLast: false });
  });

  it('waits no longer than the interval of the flush clock, and not that long when it has many bytes', async () => {
    const clock = jumpingClock();
    const text = new JoinedText(windowOn(clock));
    text.add(content('a'));
    await text.next();
    const began = clock.now();
    text.add(content('b'));
    await text.next();
    expect(clock.now() - began).toBeLessThanOrEqual(INTERVAL_MS);
    const full = clock.now();
    text.add(content('x'.repeat(BYTES)));
    await text.next();
    expect(clock.now()).toBe(full);
  });

  it('hands out no more pieces at once than one append holds, and takes a moment for an answer of many', async () => {
    const text = new JoinedText(windowOn(jumpingClock()));
    const pieces = 100_000;
    for (let nth = 0; nth < pieces; nth++) text.add(nth % 2 === 0 ? content('x') : reasoning('x'));
    text.end();
    const batches = await all(text);
    expect(Math.max(...batches.map(({ length }) => length))).toBe(limits.deltasPerAppendMax);
    expect(batches.flat()).toHaveLength(pieces);
  }, 20_000);

  it('keeps channels apart and in order', async () => {
    const text = new JoinedText(windowOn(jumpingClock()));
    text.add(reasoning('hm'));
    text.add(reasoning('...'));
    text.add(content('yes'));
    text.end();
    expect(await all(text)).toEqual([[reasoning('hm...'), content('yes')]]);
  });

  it('ends also when no text came', async () => {
    const text = new JoinedText(windowOn(jumpingClock()));
    const ending = all(text);
    text.end();
    expect(await ending).toEqual([[]]);
  });

  it('never loses, changes or cuts in two a character, however it was brought', async () => {
    const units = fc.array(
      fc.oneof(fc.constantFrom('\ud83d', '\ude00', 'a', 'é'), fc.string({ unit: 'grapheme', maxLength: 5 })),
      { maxLength: 40 },
    );
    await fc.assert(
      fc.asyncProperty(units, async (brought) => {
        const text = new JoinedText(windowOn(jumpingClock()));
        const reading = all(text);
        for (const piece of brought) {
          text.add(content(piece));
          if (piece.length % 2 === 0) await new Promise((resolve) => setImmediate(resolve));
        }
        text.end();
        const pieces = (await reading).flat().map((piece) => piece.text);
        expect(pieces.join('')).toBe(brought.join(''));
        if (brought.join('').isWellFormed()) expect(pieces.every((piece) => piece.isWellFormed())).toBe(true);
      }),
      { numRuns: 200 },
    );
  });

  it('gives no more at a time than an append may hold', async () => {
    const long = '\u{1f600}'.repeat(limits.deltaCharactersMax);
    const text = new JoinedText(windowOn(jumpingClock()));
    text.add(content(`a${long}`));
    text.end();
    const batches = await all(text);
    const lengths = batches.map((pieces) => pieces.reduce((sum, piece) => sum + piece.text.length, 0));
    expect(Math.max(...lengths)).toBeLessThanOrEqual(limits.deltaCharactersMax);
    expect(batches.flat().every((piece) => piece.text.isWellFormed())).toBe(true);
    const joined = batches.flat().map((piece) => piece.text);
    expect(joined.join('') === `a${long}`).toBe(true);
  });
});
