import { createHash } from 'node:crypto';
import {
  type LanguageModel,
  type ModelCall,
  ModelFailure,
  type ModelOutput,
  type Moments,
} from '../../src/ports/language-model.js';

/** All that came of one call: it ended by itself, with a failure, or, when neither is there, because it was aborted. */
export interface Outcome {
  readonly outputs: ModelOutput[];
  readonly content: string;
  readonly reasoning: string;
  readonly finished: Extract<ModelOutput, { type: 'finished' }> | undefined;
  readonly failure: ModelFailure | undefined;
}

export function callOf(body: string): ModelCall {
  return { body, bodySha256: createHash('sha256').update(body, 'utf8').digest('hex') };
}

export const askedFor = (text: string): ModelCall =>
  callOf(JSON.stringify({ model: 'm', messages: [{ role: 'user', content: text }], stream: true }));

/** For a reader that takes everything as soon as it has come. */
export const atOnce: Moments = { readAtNext: (call) => call() };

/** Takes everything, and lets `each` keep the next output waiting. */
export async function outcomeOf(
  model: LanguageModel,
  call: ModelCall,
  { signal = new AbortController().signal, each = async (_output: ModelOutput): Promise<void> => {} } = {},
): Promise<Outcome> {
  const outputs: ModelOutput[] = [];
  let failure: ModelFailure | undefined;
  try {
    for await (const together of model.prepare(call).stream(signal, atOnce)) {
      for (const output of together) {
        // Whoever has left takes no more of it.
        if (signal.aborted) break;
        outputs.push(output);
        await each(output);
      }
    }
  } catch (error) {
    if (!(error instanceof ModelFailure)) throw error;
    failure = error;
  }
  const textOf = (channel: string) =>
    outputs.map((output) => (output.type === 'text' && output.channel === channel ? output.text : '')).join('');
  return {
    outputs,
    content: textOf('content'),
    reasoning: textOf('reasoning'),
    finished: outputs.find((output) => output.type === 'finished'),
    failure,
  };
}
