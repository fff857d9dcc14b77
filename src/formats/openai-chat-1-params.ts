import { integerFrom, numberFrom, oneOf, type ParamTable, textOrTexts } from './param-rules.js';

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
