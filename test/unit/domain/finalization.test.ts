import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { finalizationOf } from '../../../src/domain/conversation/endings.js';
import { type AttemptEnded, receive } from '../../../src/domain/generation.js';
import { cancelled, completed, failed, isoTime, Recording, START_MS } from './tape.js';

/** Tells which end it was asked about. */
const costOf = ({ attempt, usage }: AttemptEnded) =>
  usage && { amount: `${attempt}`, currency: 'USD', priceList: '2026-01' };
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const facts = {
  generationId: 'g1',
  queuedAt: '2025-12-31T23:59:59.000Z',
  costOf,
};

describe('the end of a generation', () => {
  it('is undefined before the tape is sealed', () => {
    const recording = new Recording();
    expect(finalizationOf(recording.tape, facts)).toBeUndefined();
    recording.claimed().receives('a');
    expect(finalizationOf(recording.tape, facts)).toBeUndefined();
    const waiting = new Recording().claimed();
    waiting.ends(failed({ nowMs: START_MS, delayMs: 1 }));
    expect(finalizationOf(waiting.tape, facts)).toBeUndefined();
  });

  it('comes from the attempt that sealed it: its text is the content', () => {
    const recording = new Recording().claimed();
    recording.ends(failed({ nowMs: START_MS, delayMs: 0 }));
    recording.claimed();
    recording.does(receive(2, { block: 0, channel: 'reasoning', text: 'hm' }));
    recording.receives('Hel', 'lo').ends(completed);
    expect(finalizationOf(recording.tape, facts)).toStrictEqual({
      generationId: 'g1',
      status: 'final',
      finishReason: 'stop',
      blocks: [{ kind: 'text', text: 'Hello' }],
      textSha256: sha256('Hello'),
      deltas: 3,
      attempt: 2,
      attempts: 2,
      modelServed: 'demo-1',
      usage: { total: 3 },
      cost: { amount: '2', currency: 'USD', priceList: '2026-01' },
      timings: {
        queuedAt: facts.queuedAt,
        claimedAt: isoTime(START_MS + 2_000),
        firstTextAt: isoTime(START_MS + 3_000),
        lastTextAt: isoTime(START_MS + 5_000),
      },
    });
  });

  it('keeps the text before a cancel or a failure', () => {
    const stopped = new Recording().claimed().receives('Hel');
    stopped.ends(cancelled);
    const blocks = [{ kind: 'text', text: 'Hel' }];
    const kept = { blocks, textSha256: sha256('Hel'), deltas: 1, finishReason: null, usage: null, cost: null };
    expect(finalizationOf(stopped.tape, facts)).toMatchObject({ status: 'cancelled', ...kept });

    const broken = new Recording().claimed().receives('Hel');
    broken.ends(failed());
    const error = { kind: 'rate_limited', message: 'Slow down.', providerStatus: 429 };
    expect(finalizationOf(broken.tape, facts)).toMatchObject({ status: 'error', error, ...kept });

    const crashed = new Recording().claimed().receives('Hel');
    crashed.takenUp('w2');
    expect(finalizationOf(crashed.tape, facts)).toMatchObject({
      status: 'error',
      error: { kind: 'interrupted' },
      ...kept,
    });
  });

  it('may be without any text', () => {
    const recording = new Recording();
    recording.takenUp('w1', { cancelRequested: true });
    expect(finalizationOf(recording.tape, facts)).toMatchObject({
      status: 'cancelled',
      blocks: [],
      deltas: 0,
      attempt: 1,
      timings: { firstTextAt: null, lastTextAt: null },
    });
  });
});
