import type { RecordedUsage } from '../events/conversation-events.js';
import {
  type BodyFormat,
  type BodyTexts,
  integerFrom,
  numberFrom,
  oneOf,
  type ParamTable,
  type PromptPart,
  textOrTexts,
} from './body-format.js';

const STOPS_MAX = 4;
/** The provider names no bound, but each turn records its settings twice, as data and in the body. */
const STOP_CHARACTERS_MAX = 256;

/** The settings of `openai-chat@1`, with the types and ranges of OpenAI's chat completions. */
export const openAiChat1Params: ParamTable = new Map([
  ['temperature', numberFrom(0, 2)],
  ['top_p', numberFrom(0, 1)],
  ['max_tokens', integerFrom(1)],
  ['max_completion_tokens', integerFrom(1)],
  ['stop', textOrTexts(STOPS_MAX, STOP_CHARACTERS_MAX)],
  ['seed', integerFrom(Number.MIN_SAFE_INTEGER)],
  ['presence_penalty', numberFrom(-2, 2)],
  ['frequency_penalty', numberFrom(-2, 2)],
  ['reasoning_effort', oneOf('none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max')],
]);

export function answerTokensIn(params: Readonly<Record<string, unknown>>): number | undefined {
  const tokens = params.max_completion_tokens ?? params.max_tokens;
  return typeof tokens === 'number' ? tokens : undefined;
}

/**
 * `openai-chat@1`: the JSON of OpenAI's streamed chat completions, as JSON.stringify writes it. Recorded hashes depend on
 * every character, so this never changes. Another body is another version beside it.
 */
export const openAiChat1: BodyFormat = {
  name: 'openai-chat@1',
  params: openAiChat1Params,
  answerTokensIn,
  request: { path: '/chat/completions' },

  partsOf({ model, system, path, params }) {
    const opening = `{"model":${JSON.stringify(model)},"messages":[`;
    const settings = params.map(([name, value]) => `,${JSON.stringify(name)}:${JSON.stringify(value)}`).join('');
    return [
      ...(system
        ? [
            literal(`${opening}{"role":"system","content":"`),
            { kind: 'text' as const, event: system.event, pointer: system.pointer },
            literal('"},'),
          ]
        : [literal(opening)]),
      { kind: 'path', from: path.from, to: path.to },
      literal(`]${settings},"stream":true,"stream_options":{"include_usage":true}}`),
    ];
  },

  render(parts, texts) {
    const rendered = parts.map((part) => {
      switch (part.kind) {
        case 'literal':
          return part.text;
        case 'text':
          return escaped(texts.text(part));
        case 'path':
          return messages(texts.messages(part.from, part.to));
        case 'own':
          throw new Error('openai-chat@1 has no parts of this kind: a later version recorded this prompt');
        default:
          return part satisfies never;
      }
    });
    return rendered.join('');
  },
};

const literal = (text: string): PromptPart => ({ kind: 'literal', text });

const messages = (entries: ReturnType<BodyTexts['messages']>): string =>
  entries.map(({ role, text }) => `{"role":"${role}","content":"${escaped(text)}"}`).join(',');

/** As JSON writes it between the quotes: lone surrogates and controls as \u escapes, so the bytes are never a guess. */
const escaped = (text: string): string => JSON.stringify(text).slice(1, -1);

type Reported = Readonly<Record<string, unknown>>;

/**
 * The usage object of `openai-chat@1`, normalised. A field that is no count is absent, and a usage without any count is
 * unknown. The price of the input depends on its cached part: when that cannot be read, the input is unknown too.
 */
export function usageOf(reported: Reported | null): RecordedUsage | null {
  if (!reported) return null;
  const input = reported.prompt_tokens_details ?? {};
  const output = reported.completion_tokens_details ?? {};
  const cachedRead = fieldOf(input, 'cached_tokens');
  const usage: RecordedUsage = {
    ...((cachedRead === undefined || isCount(cachedRead)) && counted('input', reported.prompt_tokens)),
    ...counted('output', reported.completion_tokens),
    ...counted('cachedRead', cachedRead),
    ...counted('cachedWrite', fieldOf(input, 'cache_write_tokens')),
    ...counted('reasoning', fieldOf(output, 'reasoning_tokens')),
    ...counted('total', reported.total_tokens),
  };
  return Object.keys(usage).length > 0 ? usage : null;
}

/** Details that are no object are not readable, which is not the same as absent. */
const fieldOf = (details: unknown, name: string): unknown =>
  typeof details === 'object' ? ((details as Reported)[name] ?? undefined) : details;

const counted = (name: keyof RecordedUsage, value: unknown): RecordedUsage => (isCount(value) ? { [name]: value } : {});

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** The finish reason of `openai-chat@1`, normalised. One that is not known here stays as the provider named it. */
export const finishReasonOf = (reported: string): string => (reported === 'function_call' ? 'tool_calls' : reported);
