import { describe, expect, it } from '@jest/globals';
import { SameLog } from '../../../src/adapters/eventstoredb/same-log.js';
import type { Position } from '../../../src/events/envelope.js';
import { Continuity } from '../../../src/ports/continuity.js';

const NEWEST = '00000000000000000042/00000000000000000042/7d444840-9dc0-11d1-b245-5ffdce74fad2' as Position;

/** A server whose looks are answered by the test, in the order in which they were made. */
function doubtful() {
  const continuity = new Continuity();
  continuity.see(NEWEST);
  const answers: ((isHeld: boolean) => void)[] = [];
  const sameLog = new SameLog(continuity, { holds: () => new Promise((resolve) => answers.push(resolve)) });
  const passed: string[] = [];
  const pass = async (call: string) => {
    await sameLog.require();
    passed.push(call);
  };
  sameLog.doubt();
  return { sameLog, answers, passed, pass };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('a log in doubt', () => {
  it('lets no call pass before the check that another call began has ended', async () => {
    const { answers, passed, pass } = doubtful();
    const calls = [pass('first'), pass('second')];
    await settled();
    calls.push(pass('third'));
    await settled();
    expect(passed).toEqual([]);
    expect(answers).toHaveLength(1);
    answers[0]?.(true);
    await Promise.all(calls);
    expect(passed).toEqual(['first', 'second', 'third']);
    expect(answers).toHaveLength(1);
  });

  it('is checked again for the calls that wait when a connection fails during the check', async () => {
    const { sameLog, answers, passed, pass } = doubtful();
    const call = pass('only');
    await settled();
    sameLog.doubt();
    answers[0]?.(true);
    await settled();
    expect(passed).toEqual([]);
    answers[1]?.(true);
    await call;
    expect(passed).toEqual(['only']);
  });
});
