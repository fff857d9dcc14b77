import { createHash } from 'node:crypto';
import type { RecordedUsage } from '../../events/conversation-events.js';
import type { Clock } from '../../ports/clock.js';
import {
  type LanguageModel,
  type ModelCall,
  ModelFailure,
  type ModelOutput,
  type PreparedCall,
} from '../../ports/language-model.js';
import { demoAnswer, readRequest } from './demo-answer.js';

const DELTAS = 24;
const PAUSE_MS = 20;

/** Answers if no provider is configured: offline, and always the same for the same request. */
export class DemoLanguageModel implements LanguageModel {
  constructor(private readonly clock: Pick<Clock, 'sleep'>) {}

  prepare(call: ModelCall): PreparedCall {
    return { response: {}, stream: (signal) => this.stream(call, signal), discard() {} };
  }

  private async *stream(call: ModelCall, signal: AbortSignal): AsyncGenerator<readonly ModelOutput[], void, void> {
    if (signal.aborted) return;
    if (createHash('sha256').update(call.body).digest('hex') !== call.bodySha256) {
      const words = 'The request differs from the recorded prompt';
      throw new ModelFailure('prompt_mismatch', words, { retryable: false });
    }
    const request = readRequest(call.body);
    const answer = demoAnswer(request, call);
    for (const text of pieces(answer)) {
      await this.clock.sleep(PAUSE_MS, signal);
      if (signal.aborted) return;
      yield [{ type: 'text', channel: 'content', text }];
    }
    if (signal.aborted) return;
    const usage = usageOf(call.body, answer);
    yield [{ type: 'finished', finishReason: 'stop', modelServed: request.model, usage, usageRaw: null }];
  }
}

/** Splits a text between words into pieces of about the same number of words. */
function pieces(answer: string): string[] {
  const words = answer.match(/\s*\S+\s*/g) ?? [];
  const wordsEach = Math.ceil(words.length / DELTAS);
  const count = Math.ceil(words.length / wordsEach);
  return Array.from({ length: count }, (_, nth) => words.slice(nth * wordsEach, (nth + 1) * wordsEach).join(''));
}

/** One token for every four bytes of UTF-8, rounded up. */
function usageOf(body: string, answer: string): RecordedUsage {
  const [input, output] = [body, answer].map((text) => Math.ceil(Buffer.byteLength(text) / 4)) as [number, number];
  return { input, output, total: input + output };
}
