import { createHash } from 'node:crypto';
import { usageOf } from '../../src/formats/openai-chat-1.js';
import {
  type LanguageModel,
  type ModelCall,
  ModelFailure,
  type ModelOutput,
  type PreparedCall,
  type ResponseNames,
} from '../../src/ports/language-model.js';

/** What one call does: yields outputs, waits for what a test holds back, throws. */
export type Play = (call: ModelCall, signal: AbortSignal) => AsyncIterable<ModelOutput>;

export const content = (text: string): ModelOutput => ({ type: 'text', channel: 'content', text });
export const reasoning = (text: string): ModelOutput => ({ type: 'text', channel: 'reasoning', text });
/** With the usage that a provider of `openai-chat@1` reported. */
export const finished = (usageRaw: Record<string, unknown> | null = null): ModelOutput => ({
  type: 'finished',
  finishReason: 'stop',
  modelServed: 'scripted-1',
  usage: usageOf(usageRaw),
  usageRaw,
});

/** All at once. */
export const saying = (...texts: string[]): Play =>
  async function* () {
    for (const text of texts) yield content(text);
    yield finished();
  };

/** Resolves when the call is ended by its caller. */
export const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });

/** A model that does what the test says, call by call; the last play is repeated. */
export class ScriptedModel implements LanguageModel {
  readonly calls: ModelCall[] = [];
  readonly prepared: ModelCall[] = [];
  readonly discarded: ModelCall[] = [];
  response: ResponseNames = {};
  running = 0;
  mostRunning = 0;

  constructor(private readonly plays: readonly Play[]) {}

  prepare(call: ModelCall): PreparedCall {
    this.prepared.push(call);
    return {
      response: this.response,
      stream: (signal) => this.stream(call, signal),
      discard: () => void this.discarded.push(call),
    };
  }

  private async *stream(call: ModelCall, signal: AbortSignal): AsyncGenerator<readonly ModelOutput[], void, void> {
    if (signal.aborted) return;
    if (createHash('sha256').update(call.body).digest('hex') !== call.bodySha256) {
      throw new ModelFailure('prompt_mismatch', 'not the prompt', { retryable: false });
    }
    this.calls.push(call);
    this.running += 1;
    this.mostRunning = Math.max(this.mostRunning, this.running);
    try {
      const play = this.plays[Math.min(this.calls.length, this.plays.length) - 1] as Play;
      for await (const output of play(call, signal)) yield [output];
    } finally {
      this.running -= 1;
    }
  }
}
