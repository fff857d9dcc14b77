import type { Clock } from '../../../src/ports/clock.js';
import {
  type LanguageModel,
  type ModelCall,
  ModelFailure,
  type ModelOutput,
} from '../../../src/ports/language-model.js';
import { sha256 } from '../invariants/evidence.js';
import { content, finished } from '../scripted-model.js';
import type { Actor } from './schedule.js';
import type { World } from './world.js';

export const PROVIDER = 'simulated';
/** Longer than a lease, all in all: a worker that does not renew loses its answer. */
const WORDS = 8;
const WORD_EVERY_MS_MAX = 400;

/** How a simulated call may fail, besides the death of its caller. */
export const MODEL_FAILURES = ['rate_limited', 'network', 'incomplete'] as const;

/** A provider that never says the same twice and fails as drawn. */
export function simulatedModel(world: World, actor: Actor, clock: Clock): LanguageModel {
  async function* stream(call: ModelCall, signal: AbortSignal): AsyncGenerator<readonly ModelOutput[], void, void> {
    if (sha256(call.body) !== call.bodySha256) throw new Error('the body is not the prompt');
    const nth = world.calls.length;
    const words = Array.from({ length: WORDS }, (_, word) => `${nth}.${word} 🙂 `);
    await world.schedule.call(actor, 'call the model', async () => {
      world.calls.push({ body: call.body, answer: words.join(''), head: await world.log.head() });
    });
    const isFailing = world.weather === 'rough' && world.draws.oneIn(6);
    const failure = isFailing ? MODEL_FAILURES[world.draws.of(MODEL_FAILURES.length)] : undefined;
    const wordsUntilFailure = failure === 'rate_limited' ? 0 : world.draws.of(WORDS);
    for (const [word, text] of words.entries()) {
      if (failure && word === wordsUntilFailure) throw failureOf(failure, word);
      await clock.sleep(world.draws.of(WORD_EVERY_MS_MAX), signal);
      if (signal.aborted) return;
      yield [content(text)];
    }
    yield [finished({ prompt_tokens: 1, completion_tokens: WORDS })];
  }
  return { prepare: (call) => ({ response: {}, stream: (signal) => stream(call, signal), discard: () => {} }) };
}

function failureOf(kind: (typeof MODEL_FAILURES)[number], wordsSaid: number): ModelFailure {
  return new ModelFailure(kind, 'as drawn', { retryable: kind !== 'incomplete' && wordsSaid === 0 });
}
