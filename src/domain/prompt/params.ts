/** What is wrong with a value; nothing when it may be sent. */
type Rule = (value: unknown) => string | undefined;

const numberFrom =
  (least: number, most: number): Rule =>
  (value) =>
    typeof value === 'number' && least <= value && value <= most
      ? undefined
      : `must be a number from ${least} to ${most}`;

const integerFrom =
  (least: number): Rule =>
  (value) =>
    Number.isSafeInteger(value) && (value as number) >= least ? undefined : `must be an integer from ${least} on`;

const oneOf =
  (...values: readonly string[]): Rule =>
  (value) =>
    values.some((allowed) => allowed === value) ? undefined : `must be one of ${values.join(', ')}`;

const STOPS_MAX = 4;
/** The provider names no bound, but each turn records its settings twice, as data and in the body. */
const STOP_CHARACTERS_MAX = 256;

const isStop = (value: unknown) => typeof value === 'string' && value.length > 0 && value.length <= STOP_CHARACTERS_MAX;

const stops: Rule = (value) => {
  const listed = Array.isArray(value) && value.length > 0 && value.length <= STOPS_MAX && value.every(isStop);
  return isStop(value) || listed
    ? undefined
    : `must be a text of 1 to ${STOP_CHARACTERS_MAX} characters, or a list of 1 to ${STOPS_MAX} of them`;
};

/** The settings that reach a provider, with the types and ranges of OpenAI's chat completions. */
const rules: ReadonlyMap<string, Rule> = new Map([
  ['temperature', numberFrom(0, 2)],
  ['top_p', numberFrom(0, 1)],
  ['max_tokens', integerFrom(1)],
  ['max_completion_tokens', integerFrom(1)],
  ['stop', stops],
  ['seed', integerFrom(Number.MIN_SAFE_INTEGER)],
  ['presence_penalty', numberFrom(-2, 2)],
  ['frequency_penalty', numberFrom(-2, 2)],
  ['reasoning_effort', oneOf('none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max')],
]);

export interface ParamMistake {
  /** A JSON pointer from the settings on. */
  readonly path: string;
  readonly message: string;
}

/** Every mistake at once; none when the settings may be sent as they are. */
export function paramMistakes(params: Readonly<Record<string, unknown>>): ParamMistake[] {
  return Object.entries(params).flatMap(([name, value]) => {
    const rule = rules.get(name);
    const message = rule ? rule(value) : 'is not an allowed setting';
    return message === undefined ? [] : [{ path: `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`, message }];
  });
}
