import { finishReasonOf, usageOf } from '../../formats/openai-chat-1.js';
import { limits } from '../../limits.js';
import { type Channel, jsonWithin, ModelFailure, type ModelOutput } from '../../ports/language-model.js';
import { bounded, isRecord, wordsOfError } from './failures.js';
import { toolPieces } from './tool-calls.js';
import { isGiven, isNumber, isText, ofAnyType, unreadFields, unreadPiece } from './unread-fields.js';

const LAST_WORD = '[DONE]';

/** The fields of a chunk, a choice and a delta that are read or have no meaning. All others are recorded unchanged. */
const READ = {
  chunk: {
    ...{ id: isText, object: isText, created: isNumber, model: isText, obfuscation: isText },
    ...{ choices: Array.isArray, usage: isRecord },
  },
  choice: { index: isNumber, delta: isRecord, finish_reason: isText },
  delta: {
    ...{ role: isText, content: isText, reasoning: isText, reasoning_content: isText, refusal: isText },
    ...{ tool_calls: ofAnyType, function_call: ofAnyType },
  },
} as const;

/** The sum of the chunks of one streamed chat completion. */
export class ChatCompletion {
  /** True if the stream is over. */
  done = false;
  /** The provider's id of the answer. */
  responseId: string | undefined;
  private finishReason: string | undefined;
  private modelServed: string | null = null;
  private usage: Record<string, unknown> | null = null;
  /** The first half of a surrogate pair. The second half comes with the next text of its channel. */
  private readonly held = { reasoning: '', content: '', refusal: '' };
  /** Fields of the last chunk. Most servers repeat them in every chunk, so only changes are recorded. */
  private lastUnread = '';

  /** Adds the content of a chunk to `outputs`. Outputs that were added before an error count. */
  read(data: string, outputs: ModelOutput[]): void {
    if (data.trim() === LAST_WORD) this.done = true;
    if (this.done || data.trim() === '') return;
    const chunk = parseChunk(data);
    if (typeof chunk.id === 'string' && chunk.id) this.responseId ??= chunk.id;
    if (typeof chunk.model === 'string' && chunk.model) this.modelServed = chunk.model;
    if (isRecord(chunk.usage)) this.usage = chunk.usage;
    if (chunk.error) throw unreadable(bounded(wordsOfError(chunk) ?? 'The provider sent an error'));
    for (const choice of Array.isArray(chunk.choices) ? chunk.choices : []) {
      // Some servers send no index if there is only one choice.
      if (isRecord(choice) && (choice.index ?? 0) === 0) this.readChoice(choice, outputs);
      else if (isGiven(choice)) outputs.push(unreadPiece({ choice }));
    }
    const unread = unreadFields(chunk, READ.chunk);
    if (!unread) return;
    const text = jsonWithin(unread, limits.unreadFieldsBytesMax);
    if (text !== this.lastUnread) outputs.push(unreadPiece({ chunk: unread }));
    this.lastUnread = text ?? this.lastUnread;
  }

  /** Call it at the end of the stream, also after an error. */
  *rest(): Iterable<ModelOutput> {
    for (const channel of ['reasoning', 'content', 'refusal'] as const) {
      const text = this.held[channel];
      this.held[channel] = '';
      if (text) yield { type: 'text', channel, text };
    }
  }

  /** The end with the provider's finish reason. Undefined without one. */
  finished(): ModelOutput | undefined {
    if (this.finishReason === undefined) return undefined;
    const { finishReason: reported, modelServed, usage: usageRaw } = this;
    const finishReason = finishReasonOf(reported);
    const named = { finishReason, ...(finishReason !== reported && { providerFinishReason: reported }) };
    return { type: 'finished', ...named, modelServed, usage: usageOf(usageRaw), usageRaw };
  }

  /** Adds the usage and model that came before the failure. */
  failedWith({ kind, message, details }: ModelFailure): ModelFailure {
    const { modelServed, usage: usageRaw } = this;
    return new ModelFailure(kind, message, { ...details, usage: usageOf(usageRaw), usageRaw, modelServed });
  }

  private readChoice(choice: Record<string, unknown>, outputs: ModelOutput[]): void {
    const delta = isRecord(choice.delta) ? choice.delta : {};
    // Servers that send both fields send the same text in both.
    const thought = [delta.reasoning_content, delta.reasoning].find((text) => isText(text) && text);
    this.readText('reasoning', thought, outputs);
    this.readText('content', delta.content, outputs);
    this.readText('refusal', delta.refusal, outputs);
    for (const piece of toolPieces(delta)) outputs.push(piece);
    const ofDelta = unreadFields(delta, READ.delta);
    if (ofDelta) outputs.push(unreadPiece({ delta: ofDelta }));
    const ofChoice = unreadFields(choice, READ.choice);
    if (ofChoice) outputs.push(unreadPiece({ choice: ofChoice }));
    // To ignore it would lose a part of the answer.
    if (isGiven(delta.content) && !isText(delta.content))
      throw unreadable('The provider sent content that is not text');
    if (typeof choice.finish_reason === 'string' && choice.finish_reason) this.finishReason = choice.finish_reason;
  }

  private readText(channel: Exclude<Channel, 'tool' | 'other'>, value: unknown, outputs: ModelOutput[]): void {
    if (typeof value !== 'string') return;
    const joined = this.held[channel] + value;
    const half = /[\uD800-\uDBFF]/.test(joined.at(-1) ?? '') ? joined.slice(-1) : '';
    this.held[channel] = half;
    const text = joined.slice(0, joined.length - half.length);
    if (text) outputs.push({ type: 'text', channel, text });
  }
}

function parseChunk(data: string): Record<string, unknown> {
  try {
    const chunk: unknown = JSON.parse(data);
    if (isRecord(chunk)) return chunk;
  } catch {
    // Reported below, without the parser's message, which quotes the text.
  }
  throw unreadable(bounded(`The provider sent data that is not a chunk of a completion: ${data}`));
}

function unreadable(message: string): ModelFailure {
  return new ModelFailure('provider_error', message, { retryable: false });
}
