import { ModelFailure, type ModelOutput } from '../../ports/language-model.js';
import { bounded, isRecord, wordsOfError } from './failures.js';

type Channel = 'content' | 'reasoning';

const LAST_WORD = '[DONE]';

/** One streamed chat completion: what its chunks add up to. */
export class ChatCompletion {
  /** Nothing comes after it. */
  done = false;
  private finishReason: string | undefined;
  private modelServed: string | null = null;
  private usage: Record<string, unknown> | null = null;
  /** The first half of a surrogate pair, whose second comes with the next text of its channel. */
  private readonly held: Record<Channel, string> = { reasoning: '', content: '' };

  *read(data: string): Iterable<ModelOutput> {
    if (data.trim() === LAST_WORD) this.done = true;
    if (this.done || data.trim() === '') return;
    const chunk = parseChunk(data);
    if (typeof chunk.model === 'string' && chunk.model) this.modelServed = chunk.model;
    if (isRecord(chunk.usage)) this.usage = chunk.usage;
    if (chunk.error) throw unreadable(bounded(wordsOfError(chunk) ?? 'The provider sent an error'));
    const choices = Array.isArray(chunk.choices) ? chunk.choices.filter(isRecord) : [];
    for (const choice of choices) {
      // Some servers number no choice when there is only one.
      if ((choice.index ?? 0) === 0) yield* this.readChoice(choice);
    }
  }

  /** At the end of the stream, however it ended. */
  *rest(): Iterable<ModelOutput> {
    for (const channel of ['reasoning', 'content'] as const) {
      const text = this.held[channel];
      this.held[channel] = '';
      if (text) yield { type: 'text', channel, text };
    }
  }

  /** The end as the provider named it; nothing when it did not. */
  finished(): ModelOutput | undefined {
    if (this.finishReason === undefined) return undefined;
    const { finishReason, modelServed, usage } = this;
    return { type: 'finished', finishReason, modelServed, usage };
  }

  /** The same failure, with what had been reported before it. */
  failedWith({ kind, message, details }: ModelFailure): ModelFailure {
    return new ModelFailure(kind, message, { ...details, usage: this.usage, modelServed: this.modelServed });
  }

  private *readChoice(choice: Record<string, unknown>): Iterable<ModelOutput> {
    const delta = isRecord(choice.delta) ? choice.delta : {};
    // Servers that write both write the same in both.
    yield* this.text('reasoning', delta.reasoning_content || delta.reasoning);
    yield* this.text('content', delta.content);
    if (typeof choice.finish_reason === 'string' && choice.finish_reason) this.finishReason = choice.finish_reason;
  }

  private *text(channel: Channel, value: unknown): Iterable<ModelOutput> {
    if (value === undefined || value === null || value === '') return;
    // Passing it over would lose a part of the answer without a trace.
    if (typeof value !== 'string') throw unreadable(`The provider sent ${channel} that is not text`);
    const joined = this.held[channel] + value;
    const [half = ''] = /[\uD800-\uDBFF]$/.exec(joined) ?? [];
    this.held[channel] = half;
    const text = joined.slice(0, joined.length - half.length);
    if (text) yield { type: 'text', channel, text };
  }
}

function parseChunk(data: string): Record<string, unknown> {
  try {
    const chunk: unknown = JSON.parse(data);
    if (isRecord(chunk)) return chunk;
  } catch {
    // Told below, without the parser's words.
  }
  throw unreadable(bounded(`The provider sent something that is no chunk of a completion: ${data}`));
}

function unreadable(message: string): ModelFailure {
  return new ModelFailure('provider_error', message, { retryable: false });
}
