import { setTimeout as pause } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { withJournalWriters } from '../support/journal-writers.js';
import { MemoryEventLog } from '../support/memory/memory-event-log.js';

/** More answers than a writer can get before a timer of one millisecond fires, unless it keeps the event loop. */
const ANSWERS_WITHOUT_A_TIMER_MAX = 100_000;

describe('writers beside a log that answers `unavailable` at once', () => {
  it('leave turns of the event loop to others, and end although the work beside them fails', async () => {
    const log = new MemoryEventLog();
    let answers = 0;
    log.append = async () => {
      if (++answers > ANSWERS_WITHOUT_A_TIMER_MAX) throw new Error('no timer has fired');
      return { outcome: 'unavailable', maybeWritten: false };
    };
    const failing = withJournalWriters(log, 2, async ({ acknowledged }) => {
      await pause(1);
      throw new Error(`failed after ${acknowledged} events`);
    });
    await expect(failing).rejects.toThrow('failed after 0 events');
    const before = answers;
    await pause(1);
    expect(answers).toBe(before);
  });
});
