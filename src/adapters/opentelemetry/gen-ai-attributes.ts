import type { RecordedUsage } from '../../events/conversation-events.js';
import { limits } from '../../limits.js';
import type { AttemptBegun, AttemptLeft } from '../../ports/tracer.js';
import type { Attributes } from './spans.js';

/** Replaces a name that could be a text. */
const OTHER = 'other';

/**
 * Models are named by clients, and reasons and ids by providers. A name without spaces is one; anything else may be what a
 * person wrote.
 */
export function nameOf(text: string): string {
  return isName(text) ? text : OTHER;
}

const isName = (text: string): boolean =>
  text.length <= limits.tracedNameCharactersMax && /^[A-Za-z0-9][\w.:/@+-]*$/.test(text);

/** The settings that say nothing of a person. Stop sequences are texts, so they are not among them. */
const PARAMS: Readonly<Record<string, string>> = {
  temperature: 'gen_ai.request.temperature',
  top_p: 'gen_ai.request.top_p',
  max_tokens: 'gen_ai.request.max_tokens',
  max_completion_tokens: 'gen_ai.request.max_tokens',
  seed: 'gen_ai.request.seed',
  presence_penalty: 'gen_ai.request.presence_penalty',
  frequency_penalty: 'gen_ai.request.frequency_penalty',
};

/** What is known when the call begins, so that a sampler can decide on it. */
export function callAttributes({ conversation, generation, number, prompt }: AttemptBegun): Attributes {
  const { provider, model, params } = prompt;
  const effort = params.reasoning_effort;
  return {
    'gen_ai.operation.name': 'chat',
    'gen_ai.provider.name': nameOf(provider),
    'gen_ai.request.model': nameOf(model),
    'gen_ai.request.stream': true,
    'gen_ai.conversation.id': conversation,
    ...numbersIn(params, PARAMS),
    ...(typeof effort === 'string' && { 'gen_ai.request.reasoning.level': nameOf(effort) }),
    'verbatim.generation.id': generation,
    'verbatim.attempt.number': number,
  };
}

const COUNTS: Readonly<Record<keyof RecordedUsage, string | null>> = {
  input: 'gen_ai.usage.input_tokens',
  output: 'gen_ai.usage.output_tokens',
  cachedRead: 'gen_ai.usage.cache_read.input_tokens',
  cachedWrite: 'gen_ai.usage.cache_write.input_tokens',
  reasoning: 'gen_ai.usage.reasoning.output_tokens',
  total: null,
};

/** What is known when the call is over. */
export function answerAttributes({ deltas, firstTextAt, end }: AttemptLeft, begunMs: number): Attributes {
  const firstMs = firstTextAt === null ? Number.NaN : Date.parse(firstTextAt) - begunMs;
  const { finishReason = null, modelServed = null, response, usage, error } = end ?? {};
  const status = error?.providerStatus;
  return {
    'verbatim.attempt.deltas': deltas,
    // A reason that was expected and did not come is an error by the conventions.
    'gen_ai.response.finish_reasons': [finishReason === null ? 'error' : nameOf(finishReason)],
    ...(firstMs >= 0 && { 'gen_ai.response.time_to_first_chunk': firstMs / 1_000 }),
    ...(modelServed !== null && { 'gen_ai.response.model': nameOf(modelServed) }),
    ...(response?.id !== undefined && isName(response.id) && { 'gen_ai.response.id': response.id }),
    ...(status !== undefined && { 'http.response.status_code': status }),
    ...numbersIn(usage ?? {}, COUNTS),
    ...(end && { 'verbatim.attempt.outcome': end.outcome }),
  };
}

/** Null: nothing went wrong. A cancel is what the user asked for. */
export function errorTypeOf({ end }: Pick<AttemptLeft, 'end'>): string | null {
  if (!end) return 'left_open';
  return end.error ? nameOf(end.error.kind) : null;
}

const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);

function numbersIn(
  values: Readonly<Record<string, unknown>>,
  names: Readonly<Record<string, string | null>>,
): Record<string, number> {
  const found: Record<string, number> = {};
  for (const [name, attribute] of Object.entries(names)) {
    const value = values[name];
    if (attribute !== null && isNumber(value)) found[attribute] = value;
  }
  return found;
}
