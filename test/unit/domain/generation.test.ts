import { describe, expect, it } from '@jest/globals';
import {
  attemptThatCounts,
  endAttempt,
  generation,
  openAttempt,
  receive,
  retryAt,
  withdraw,
} from '../../../src/domain/generation.js';
import { limits } from '../../../src/limits.js';
import { cancelled, claim, completed, DEADLINE_MS, failed, isoTime, Recording, START_MS } from './tape.js';

const interruptedData = { outcome: 'failed', usage: null, error: { kind: 'interrupted' } };

describe('a tape', () => {
  it('given nothing, is claimed for a first attempt', () => {
    const recording = new Recording();
    expect(recording.takenUp()).toEqual([claim(1)]);
    expect(openAttempt(recording.tape)).toMatchObject({
      number: 1,
      worker: 'w1',
      claimedAt: isoTime(START_MS),
      deltas: 0,
    });
  });

  it('records pieces in order, each in its channel', () => {
    const recording = new Recording().claimed();
    recording.does(receive(1, { block: 0, channel: 'reasoning', text: 'hm' }));
    recording.receives('Hel', 'lo');
    expect(recording.events.slice(1).map(({ data }) => data)).toEqual([
      { attempt: 1, seq: 0, block: 0, text: 'hm', channel: 'reasoning' },
      { attempt: 1, seq: 1, block: 0, text: 'Hel', channel: 'content' },
      { attempt: 1, seq: 2, block: 0, text: 'lo', channel: 'content' },
    ]);
    expect(openAttempt(recording.tape)).toMatchObject({
      deltas: 3,
      text: { content: 'Hello', reasoning: 'hm' },
      firstTextAt: isoTime(START_MS + 1_000),
      lastTextAt: isoTime(START_MS + 3_000),
    });
  });

  it('does not record empty pieces, and pieces of an ended attempt', () => {
    const recording = new Recording().claimed();
    expect(recording.does(receive(1, { block: 0, channel: 'content', text: '' }))).toEqual([]);
    expect(recording.does(receive(2, { block: 0, channel: 'content', text: 'a' }))).toEqual([]);
    recording.ends(cancelled);
    expect(recording.does(receive(1, { block: 0, channel: 'content', text: 'late' }))).toEqual([]);
    expect(new Recording().does(receive(1, { block: 0, channel: 'content', text: 'early' }))).toEqual([]);
  });

  it.each([
    ['completed', completed],
    ['cancelled', cancelled],
    ['failed', failed()],
  ] as const)('is sealed when its attempt %s, and nothing follows', (outcome, ending) => {
    const recording = new Recording().claimed().receives('a');
    expect(recording.ends(ending)).toMatchObject([{ type: 'AttemptEnded', data: { attempt: 1, outcome } }]);
    expect(recording.events.at(-1)?.data).not.toHaveProperty('retryAt');
    expect(recording.tape.seal).toEqual({ event: 'event-2', at: isoTime(START_MS + 2_000) });
    expect(attemptThatCounts(recording.tape)?.number).toBe(1);

    const sealed = recording.tape;
    expect(recording.ends(completed)).toEqual([]);
    expect(recording.takenUp('w2', { cancelRequested: true })).toEqual([]);
    recording.happens(claim(2)).receives('late');
    expect(recording.tape).toBe(sealed);
  });

  it('keeps the report of the provider about the end', () => {
    const recording = new Recording().claimed();
    const [event] = recording.ends(completed);
    expect(event?.data).toStrictEqual({
      attempt: 1,
      outcome: 'completed',
      finishReason: 'stop',
      modelServed: 'demo-1',
      usage: { total: 3 },
      usageRaw: { total_tokens: 3 },
      response: {},
      droppedDeltas: 0,
    });
  });

  it('ends only the attempt that is open', () => {
    const recording = new Recording().claimed();
    expect(recording.does(endAttempt(2, completed))).toEqual([]);
    expect(new Recording().does(endAttempt(1, completed))).toEqual([]);
  });

  it('ignores events that do not fit', () => {
    const recording = new Recording().claimed();
    const before = recording.tape;
    recording.happens(claim(1, 'w2'));
    recording.happens({ type: 'DeltaReceived', data: { attempt: 2, seq: 0, block: 0, text: 'a', channel: 'content' } });
    const later = { type: 'InventedLater', data: {}, id: 'x', tenant: 'acme', at: '', meta: { commandId: '' } };
    expect(generation.evolve(recording.tape, later as never)).toBe(before);
  });
});

describe('a failure that may pass', () => {
  const passing = (delayMs: number, nowMs = START_MS) => failed({ nowMs, delayMs });

  it('leaves the tape open until its time has come', () => {
    const recording = new Recording().claimed();
    const [event] = recording.ends(passing(5_000));
    expect(event?.data).toMatchObject({ outcome: 'failed', retryAt: isoTime(START_MS + 5_000) });
    expect(retryAt(recording.tape)).toBe(isoTime(START_MS + 5_000));
    expect(attemptThatCounts(recording.tape)).toBeUndefined();
    expect(recording.takenUp('w2', { nowMs: START_MS + 4_999 })).toEqual([]);
    expect(recording.takenUp('w2', { nowMs: START_MS + 5_000 })).toEqual([claim(2, 'w2')]);
    expect(retryAt(recording.tape)).toBeUndefined();
  });

  it('is tried three times in all', () => {
    const recording = new Recording();
    for (const attempt of [1, 2, 3]) {
      expect(recording.takenUp()).toEqual([claim(attempt)]);
      recording.ends(passing(0));
    }
    expect(recording.tape.seal).not.toBeNull();
    expect(attemptThatCounts(recording.tape)).toMatchObject({ number: 3, end: { error: { kind: 'rate_limited' } } });
  });

  it('is not tried again once text has come', () => {
    const recording = new Recording().claimed().receives('a');
    recording.ends(passing(0));
    expect(recording.tape.seal).not.toBeNull();
  });

  it('is not tried again when that would take too long', () => {
    expect(new Recording().claimed().ends(passing(limits.retryAfterMsMax))[0]?.data).toHaveProperty('retryAt');
    expect(new Recording().claimed().ends(passing(limits.retryAfterMsMax + 1))[0]?.data).not.toHaveProperty('retryAt');
    const late = DEADLINE_MS - 5_000;
    expect(new Recording().claimed().ends(passing(4_999, late))[0]?.data).toHaveProperty('retryAt');
    expect(new Recording().claimed().ends(passing(5_000, late))[0]?.data).not.toHaveProperty('retryAt');
  });
});

describe('a tape whose worker died', () => {
  it('before any text, is tried again in a new recorded attempt, once', () => {
    const recording = new Recording().claimed();
    expect(recording.takenUp('w2')).toMatchObject([
      { type: 'AttemptEnded', data: { attempt: 1, ...interruptedData, retryAt: isoTime(START_MS + 1_000) } },
      claim(2, 'w2'),
    ]);
    expect(recording.takenUp('w3')).toMatchObject([{ type: 'AttemptEnded', data: { attempt: 2, ...interruptedData } }]);
    expect(recording.tape.seal).not.toBeNull();
  });

  it('after some text, is ended with what came', () => {
    const recording = new Recording().claimed().receives('Hel');
    expect(recording.takenUp('w2')).toMatchObject([{ data: { attempt: 1, ...interruptedData } }]);
    expect(attemptThatCounts(recording.tape)?.text.content).toBe('Hel');
  });

  it('after some reasoning, is ended too: the provider had begun', () => {
    const recording = new Recording().claimed();
    recording.does(receive(1, { block: 0, channel: 'reasoning', text: 'hm' }));
    recording.takenUp('w2');
    expect(recording.tape.seal).not.toBeNull();
  });

  it('after a failure that passed, counts that attempt: it is ended', () => {
    const recording = new Recording().claimed();
    recording.ends(failed({ nowMs: START_MS, delayMs: 0 }));
    recording.claimed();
    expect(recording.takenUp('w2')).toMatchObject([{ data: { attempt: 2, ...interruptedData } }]);
    expect(recording.tape.seal).not.toBeNull();
  });

  it('refuses the dead worker when it wakes up', () => {
    const recording = new Recording().claimed();
    recording.takenUp('w2');
    expect(recording.does(receive(1, { block: 0, channel: 'content', text: 'late' }))).toEqual([]);
    expect(recording.does(endAttempt(1, completed))).toEqual([]);
  });
});

describe('a tape that is not worth a call any more', () => {
  const late = { nowMs: DEADLINE_MS };
  const cancel = { cancelRequested: true };

  it('is ended as interrupted when it is taken up too late', () => {
    expect(new Recording().takenUp('w1', late)).toMatchObject([claim(1), { data: { attempt: 1, ...interruptedData } }]);
    expect(new Recording().claimed().takenUp('w2', late)).toMatchObject([{ data: { attempt: 1, ...interruptedData } }]);
    const waiting = new Recording().claimed();
    waiting.ends(failed({ nowMs: START_MS, delayMs: 10 }));
    expect(waiting.takenUp('w2', late)).toMatchObject([claim(2, 'w2'), { data: { attempt: 2, ...interruptedData } }]);
    expect(waiting.tape.seal).not.toBeNull();
  });

  it('is ended as cancelled when that was asked for meanwhile', () => {
    const end = { data: { outcome: 'cancelled', usage: null } };
    expect(new Recording().takenUp('w1', cancel)).toMatchObject([claim(1), end]);
    expect(new Recording().claimed().receives('a').takenUp('w2', cancel)).toMatchObject([end]);
    const waiting = new Recording().claimed();
    waiting.ends(failed({ nowMs: START_MS, delayMs: 20_000 }));
    expect(waiting.takenUp('w1', { ...cancel, nowMs: START_MS })).toMatchObject([claim(2), end]);
    expect(new Recording().takenUp('w1', { ...cancel, ...late })).toMatchObject([claim(1), end]);
  });
});

describe('a claim that is withdrawn', () => {
  const passing = failed({ nowMs: START_MS, delayMs: 0 });

  /** As often as the prompt of the generation was not recorded, and then claimed for one that was. */
  function claimedAfterWithdrawals(withdrawals: number): Recording {
    const recording = new Recording();
    for (let nth = 0; nth < withdrawals; nth += 1) {
      recording.claimed();
      recording.does(withdraw(recording.nowMs));
    }
    return recording.claimed();
  }

  it('is over, and lets the tape be claimed again at once', () => {
    const recording = new Recording().claimed();
    const nowMs = recording.nowMs;
    expect(recording.does(withdraw(nowMs))).toMatchObject([
      { type: 'AttemptEnded', data: { attempt: 1, outcome: 'failed', error: { kind: 'withdrawn' } } },
    ]);
    expect(recording.tape.seal).toBeNull();
    expect(retryAt(recording.tape)).toBe(isoTime(nowMs));
    expect(recording.takenUp('w2', { nowMs })).toEqual([claim(2, 'w2')]);
  });

  it('changes nothing if no attempt is open', () => {
    expect(new Recording().does(withdraw(START_MS))).toEqual([]);
    const recording = new Recording().claimed();
    recording.ends(completed);
    expect(recording.does(withdraw(START_MS))).toEqual([]);
  });

  it.each([1, 2, 3])('counts for no call when a worker dies: two are made after %i of them', (withdrawals) => {
    const recording = claimedAfterWithdrawals(withdrawals);
    const first = withdrawals + 1;
    expect(recording.takenUp('w2')).toMatchObject([
      { data: { attempt: first, ...interruptedData, retryAt: expect.any(String) } },
      claim(first + 1, 'w2'),
    ]);
    expect(recording.takenUp('w3')).toMatchObject([{ data: { attempt: first + 1, ...interruptedData } }]);
    expect(recording.tape.seal).not.toBeNull();
  });

  it.each([1, 2, 3])('counts for no call when a failure may pass: three are made after %i of them', (withdrawals) => {
    const recording = claimedAfterWithdrawals(withdrawals);
    for (const call of [2, 3]) {
      recording.ends(passing);
      expect(recording.takenUp()).toEqual([claim(withdrawals + call)]);
    }
    recording.ends(passing);
    expect(recording.tape.seal).not.toBeNull();
  });
});
