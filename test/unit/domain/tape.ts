import type { Decide, Recorded } from '../../../src/domain/decider.js';
import { type Ending, endAttempt, generation, receive, type Tape, takeUp } from '../../../src/domain/generation.js';
import type { GenerationEvent } from '../../../src/events/conversation-events.js';

export const START_MS = Date.UTC(2026, 0, 1);
export const DEADLINE_MS = START_MS + 600_000;
export const isoTime = (ms: number): string => new Date(ms).toISOString();

export const completed: Ending = {
  outcome: 'completed',
  finishReason: 'stop',
  modelServed: 'demo-1',
  usage: { total: 3 },
  usageRaw: { total_tokens: 3 },
  response: {},
  droppedDeltas: 0,
};
export const cancelled: Ending = {
  outcome: 'cancelled',
  modelServed: null,
  usage: null,
  usageRaw: null,
  response: {},
  droppedDeltas: 2,
};
export const failed = (retry: { nowMs: number; delayMs: number } | null = null): Ending => ({
  outcome: 'failed',
  error: { kind: 'rate_limited', message: 'Slow down.', providerStatus: 429 },
  retry: retry && { ...retry, deadlineMs: DEADLINE_MS },
  modelServed: null,
  usage: null,
  usageRaw: null,
  response: {},
  droppedDeltas: 0,
});

export const ASKED = { provider: 'openai', model: 'gpt-4.1' };

/** A tape, one event a second. */
export class Recording {
  readonly events: Recorded<GenerationEvent>[] = [];
  tape: Tape = generation.initial;

  get nowMs(): number {
    return START_MS + this.events.length * 1_000;
  }

  does(decision: Decide<Tape, GenerationEvent>): readonly GenerationEvent[] {
    const decided = decision(this.tape);
    for (const event of decided) this.happens(event);
    return decided;
  }

  happens(event: GenerationEvent): this {
    const envelope = {
      id: `event-${this.events.length}`,
      tenant: 'acme',
      at: isoTime(this.nowMs),
      meta: { commandId: '', correlationId: '' },
    };
    this.events.push({ ...event, ...envelope });
    this.tape = generation.evolve(this.tape, { ...event, ...envelope });
    return this;
  }

  takenUp(worker = 'w1', { nowMs = this.nowMs, cancelRequested = false } = {}): readonly GenerationEvent[] {
    return this.does(takeUp({ asked: ASKED, worker, nowMs, deadlineMs: DEADLINE_MS, cancelRequested }));
  }

  receives(...texts: string[]): this {
    for (const text of texts)
      this.does(receive(this.tape.attempts.length, { block: 0, channel: 'content', text: text }));
    return this;
  }

  ends(ending: Ending): readonly GenerationEvent[] {
    return this.does(endAttempt(this.tape.attempts.length, ending));
  }

  claimed(): this {
    this.takenUp();
    return this;
  }
}

export const claim = (attempt: number, worker = 'w1'): GenerationEvent => ({
  type: 'GenerationClaimed',
  data: { attempt, worker, ...ASKED },
});
