import { finishReasonOf, usageOf } from '../../formats/openai-chat-1.js';
import { limits } from '../../limits.js';
import {
  type Channel,
  jsonWithin,
  ModelFailure,
  type ModelOutput,
  type ToolStart,
} from '../../ports/language-model.js';
import { bounded, isRecord, wordsOfError } from './failures.js';

/** Deep enough for the arguments of a tool call: delta.tool_calls.0.function.arguments. */
const NAMES_PER_PATH_MAX = 5;

/** The fields that are read from a record, and a check of the type of each. */
type ReadFields = Readonly<Record<string, (value: unknown) => boolean>>;

const isText = (value: unknown): boolean => typeof value === 'string';
const isNumber = (value: unknown): boolean => typeof value === 'number';
const ofAnyType = (): boolean => true;

/** The fields of a record that are unknown or of another type, and not empty. Undefined if there is none. */
function unreadFields(
  record: Readonly<Record<string, unknown>>,
  read: ReadFields,
): Record<string, unknown> | undefined {
  let unread: Record<string, unknown> | undefined;
  for (const name in record) {
    const value = record[name];
    // The name of a provider's field may be `constructor`.
    if (!isGiven(value) || (Object.hasOwn(read, name) && read[name]?.(value))) continue;
    unread ??= Object.create(null) as Record<string, unknown>;
    unread[name] = value;
  }
  return unread;
}

/** Unread fields as one line of JSON. If they are too large, the line has only their names. */
function unreadPiece(fields: object): ModelOutput {
  const json = jsonWithin(fields, limits.unreadFieldsBytesMax) ?? JSON.stringify(namesOf(fields));
  return { type: 'text', channel: 'other', text: `${json}\n` };
}

const isGiven = (value: unknown): boolean => value !== undefined && value !== null && value !== '';

function namesOf(fields: object): { tooLarge: readonly string[]; namesLeftOut?: true } {
  const tooLarge: string[] = [];
  for (const path of innermostPaths(fields, [])) {
    if (tooLarge.length === limits.unreadNamesMax) return { tooLarge, namesLeftOut: true };
    tooLarge.push(cut(path.join('.')));
  }
  return { tooLarge };
}

function* innermostPaths(value: unknown, path: readonly string[]): Iterable<readonly string[]> {
  let hasFields = false;
  if (typeof value === 'object' && value !== null && path.length < NAMES_PER_PATH_MAX) {
    for (const name in value) {
      hasFields = true;
      yield* innermostPaths((value as Record<string, unknown>)[name], [...path, name]);
    }
  }
  if (!hasFields) yield path;
}

function cut(name: string): string {
  const { unreadNameCharactersMax: most } = limits;
  return name.length > most ? `${name.slice(0, most - 1)}…` : name;
}

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

const NONE: readonly ModelOutput[] = [];

/** Reads the tool calls of a delta: the called tool, and its arguments as they come. Calls no tool. */
function toolPieces({ tool_calls, function_call }: Record<string, unknown>): readonly ModelOutput[] {
  if (!isGiven(tool_calls) && !isGiven(function_call)) return NONE;
  const calls = Array.isArray(tool_calls) ? tool_calls : isGiven(tool_calls) ? [tool_calls] : [];
  return [...calls.flatMap(piecesOf), ...olderPieces(function_call)];
}

/** The older form, with at most one call in an answer. */
function olderPieces(call: unknown): readonly ModelOutput[] {
  if (!isGiven(call)) return NONE;
  if (!isRecord(call)) return [unreadPiece({ delta: { function_call: call } })];
  const unread = unreadOf(call);
  return [pieceOf({}, call, 0), ...(unread ? [unreadPiece({ delta: { function_call: unread } })] : NONE)];
}

function piecesOf(call: unknown, place: number): readonly ModelOutput[] {
  const form = isRecord(call) && isGiven(call.function) ? 'function' : 'custom';
  const said = isRecord(call) ? call[form] : undefined;
  if (!isRecord(call) || !isRecord(said)) return [unreadPiece({ delta: { tool_calls: [call] } })];
  const index = typeof call.index === 'number' ? call.index : place;
  const ofCall = unreadFields(call, { [form]: ofAnyType, index: isNumber, id: isText, type: isText });
  const ofSaid = unreadOf(said);
  const unread = (ofCall || ofSaid) && { index, ...ofCall, ...(ofSaid && { [form]: ofSaid }) };
  return [pieceOf(call, said, index), ...(unread ? [unreadPiece({ delta: { tool_calls: [unread] } })] : NONE)];
}

function pieceOf(call: Record<string, unknown>, said: Record<string, unknown>, index: number): ModelOutput {
  const tool = startOf(call, said);
  return {
    type: 'text',
    channel: 'tool',
    text: textOf(said[textField(said)]) ?? '',
    call: index,
    ...(tool && { tool }),
  };
}

function unreadOf(said: Record<string, unknown>): Record<string, unknown> | undefined {
  return unreadFields(said, { [textField(said)]: (value) => textOf(value) !== undefined, name: isText });
}

const textField = (said: Record<string, unknown>) => (isGiven(said.arguments) ? 'arguments' : 'input');

/** Some servers send all arguments at once as an object. Undefined if it is too large. */
function textOf(value: unknown): string | undefined {
  if (!isGiven(value)) return '';
  return typeof value === 'string' ? value : jsonWithin(value, limits.unreadFieldsBytesMax);
}

/** The called tool comes once, with the first piece of a call. */
function startOf({ id, type }: Record<string, unknown>, { name }: Record<string, unknown>): ToolStart | undefined {
  const start = {
    ...(isName(id) && { id: bounded(id) }),
    ...(isName(name) && { name: bounded(name) }),
    ...(isName(type) && { type: bounded(type) }),
  };
  return start.id !== undefined || start.name !== undefined ? start : undefined;
}

const isName = (value: unknown): value is string => typeof value === 'string' && value !== '';
