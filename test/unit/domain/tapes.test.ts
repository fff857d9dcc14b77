import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { finalizationOf } from '../../../src/domain/conversation/endings.js';
import { endAttempt, generation, openAttempt, receive, type Tape } from '../../../src/domain/generation.js';
import { answerText } from '../../../src/domain/texts.js';
import { type GenerationEvent, generationEvents } from '../../../src/events/conversation-events.js';
import { limits } from '../../../src/limits.js';
import { expectEqual } from '../../support/expect-equal.js';
import { eventsOfType } from '../events/arbitrary-events.js';
import { cancelled, completed, DEADLINE_MS, failed, Recording, START_MS } from './tape.js';

type Step = Readonly<{
  act: 'take' | 'receive' | 'complete' | 'cancel' | 'fail' | 'zombie';
  channel: 'content' | 'reasoning';
  text: string;
  retries: boolean;
  delayMs: number;
  late: boolean;
  cancelRequested: boolean;
}>;

const oftenOrSeldom = (often: boolean) =>
  fc.oneof({ weight: 15, arbitrary: fc.constant(often) }, { weight: 1, arbitrary: fc.constant(!often) });

const steps: fc.Arbitrary<Step> = fc.record({
  act: fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom('take' as const, 'fail' as const) },
    { weight: 3, arbitrary: fc.constantFrom('receive' as const, 'complete' as const) },
    { weight: 1, arbitrary: fc.constantFrom('cancel' as const, 'zombie' as const) },
  ),
  channel: fc.constantFrom('content' as const, 'content' as const, 'reasoning' as const),
  text: fc.string({ maxLength: 3 }),
  retries: oftenOrSeldom(true),
  delayMs: fc.oneof({ weight: 8, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.constantFrom(10, 30_001) }),
  late: oftenOrSeldom(false),
  cancelRequested: oftenOrSeldom(false),
});

/** What a tape is, as plainly as possible: calls that were made, and the text of the last one. */
class Model {
  readonly calls: { shown: string; any: boolean }[] = [];
  status: 'open' | 'waiting' | 'completed' | 'cancelled' | 'failed' = 'waiting';
  isDue = true;

  get call(): { shown: string; any: boolean } | undefined {
    return this.calls.at(-1);
  }

  step(step: Step): void {
    switch (step.act) {
      case 'take':
        this.take(step);
        return;
      case 'receive':
        if (this.status !== 'open' || !this.call || step.text === '') return;
        this.call.any = true;
        if (step.channel === 'content') this.call.shown += step.text;
        return;
      case 'complete':
      case 'cancel':
        if (this.status === 'open') this.status = step.act === 'complete' ? 'completed' : 'cancelled';
        return;
      case 'fail':
        if (this.status === 'open') this.fail(step);
        return;
      default:
        return;
    }
  }

  private take({ late, cancelRequested }: Step): void {
    if (this.status !== 'open' && this.status !== 'waiting') return;
    if (cancelRequested) this.status = 'cancelled';
    else if (late) this.status = 'failed';
    else if (this.status === 'open' && (this.call?.any || this.calls.length >= 2)) this.status = 'failed';
    else if (this.status === 'open' || this.isDue) {
      this.calls.push({ shown: '', any: false });
      this.status = 'open';
    }
  }

  private fail({ retries, delayMs }: Step): void {
    const again = retries && !this.call?.any && this.calls.length < limits.attemptsMax && delayMs <= 30_000;
    this.status = again ? 'waiting' : 'failed';
    this.isDue = delayMs === 0;
  }
}

function play(recording: Recording, step: Step): readonly GenerationEvent[] {
  const attempt = openAttempt(recording.tape)?.number ?? 0;
  const retry = step.retries ? { nowMs: START_MS, delayMs: step.delayMs } : null;
  switch (step.act) {
    case 'take':
      return recording.takenUp('w', {
        nowMs: step.late ? DEADLINE_MS : START_MS,
        cancelRequested: step.cancelRequested,
      });
    case 'receive':
      return recording.does(receive(attempt, { block: 0, channel: step.channel, text: step.text }));
    case 'complete':
      return recording.does(endAttempt(attempt, completed));
    case 'cancel':
      return recording.does(endAttempt(attempt, cancelled));
    case 'fail':
      return recording.does(endAttempt(attempt, failed(retry)));
    default:
      return [
        ...recording.does(receive(attempt - 1, { block: 0, channel: 'content', text: 'late' })),
        ...recording.does(endAttempt(attempt - 1, completed)),
      ];
  }
}

const facts = { generationId: 'g', queuedAt: '', costOf: () => null };

function expectAgreement({ tape }: Recording, model: Model): void {
  expectEqual(openAttempt(tape) !== undefined, model.status === 'open');
  expectEqual(tape.seal !== null, ['completed', 'cancelled', 'failed'].includes(model.status));
  const end = finalizationOf(tape, facts);
  if (!end) return;
  const status = { completed: 'final', cancelled: 'cancelled', failed: 'error' }[model.status as 'completed'];
  const shown = model.calls.at(-1)?.shown ?? '';
  const hash = createHash('sha256').update(shown).digest('hex');
  expectEqual([end.status, answerText(end.blocks), end.textSha256], [status, shown, hash]);
}

/** Each that is broken, by name. */
function brokenInvariants({ events, tape }: Recording, calls: number): string[] {
  const deltas = events.flatMap((event) => (event.type === 'DeltaReceived' ? [event.data] : []));
  const seals = events.filter((event) => event.type === 'AttemptEnded' && event.data.retryAt === undefined);
  const numbers = events.flatMap((event) => (event.type === 'GenerationClaimed' ? [event.data.attempt] : []));
  const counted = tape.attempts.at(-1)?.number;
  const rules = {
    'a seal is the last event, and the only one': seals.length === 0 || seals[0] === events.at(-1),
    'attempts are numbered from one': numbers.every((number, nth) => number === nth + 1),
    'only the last attempt has text': deltas.every(({ attempt }) => attempt === counted),
    'deltas are numbered from zero': deltas.every(({ seq }, nth) => seq === nth),
    'a model is called three times at most': calls <= limits.attemptsMax,
  };
  return Object.entries(rules).flatMap(([rule, holds]) => (holds ? [] : [rule]));
}

describe('any history of a tape', () => {
  it('is what a simple model says, and keeps what must hold', () => {
    const statuses = new Set<string>();
    fc.assert(
      fc.property(fc.array(steps, { minLength: 1, maxLength: 25, size: 'max' }), (history) => {
        const recording = new Recording();
        const model = new Model();
        const tapes: [Tape, string][] = [];
        for (const step of history) {
          const before = model.calls.length;
          const events = play(recording, step);
          model.step(step);
          // A call is made if, and only if, the last event is a claim.
          expectEqual(events.at(-1)?.type === 'GenerationClaimed', model.calls.length > before);
          expectAgreement(recording, model);
          expectEqual(brokenInvariants(recording, model.calls.length), []);
          tapes.push([recording.tape, JSON.stringify(recording.tape)]);
        }
        expectEqual(recording.events.reduce(generation.evolve, generation.initial), recording.tape);
        for (const [tape, was] of tapes) expectEqual(JSON.stringify(tape), was);
        statuses.add(`${model.status} after ${model.calls.length}`);
      }),
      { numRuns: 1_000 },
    );
    // Histories that never come this far would prove little.
    for (const status of ['completed after 3', 'cancelled after 0', 'failed after 3', 'failed after 0']) {
      expect(statuses).toContain(status);
    }
  });

  it('can be folded, for any events', () => {
    const anyEvent = fc.oneof(...Object.keys(generationEvents).map((type) => eventsOfType(type)));
    const fewAttempts = fc.tuple(anyEvent, fc.integer({ min: 1, max: 3 })).map(([event, attempt]) => ({
      ...event,
      data: { ...event.data, attempt },
    }));
    fc.assert(
      fc.property(fc.array(fewAttempts, { maxLength: 40 }), (events) => {
        const recording = new Recording();
        for (const event of events) recording.happens(event as GenerationEvent);
        const { attempts, seal } = recording.tape;
        expect(attempts.map(({ number }) => number)).toEqual([...new Set(attempts.map(({ number }) => number))].sort());
        expect(finalizationOf(recording.tape, facts) === undefined).toBe(seal === null);
      }),
      { numRuns: 300 },
    );
  });
});
