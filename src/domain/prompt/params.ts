/** What a setting may be. Whether a value has the right type at all is told apart from whether it may be sent. */
interface Rule {
  readonly isType: (value: unknown) => boolean;
  /** Of a value that has the type. */
  readonly allows: (value: never) => boolean;
  readonly message: string;
}

const numberFrom = (least: number, most: number): Rule => ({
  isType: (value) => typeof value === 'number',
  allows: (value: number) => least <= value && value <= most,
  message: `must be a number from ${least} to ${most}`,
});

const integerFrom = (least: number): Rule => ({
  isType: Number.isInteger,
  allows: (value: number) => Number.isSafeInteger(value) && value >= least,
  message: `must be an integer from ${least} on`,
});

/** An enumeration is a type, as everywhere else in a request. */
const oneOf = (...values: readonly string[]): Rule => ({
  isType: (value) => values.some((allowed) => allowed === value),
  allows: () => true,
  message: `must be one of ${values.join(', ')}`,
});

export const STOPS_MAX = 4;
/** The provider names no bound, but each turn records its settings twice, as data and in the body. */
export const STOP_CHARACTERS_MAX = 256;

const isText = (value: unknown): value is string => typeof value === 'string';
const isStop = ({ length }: string) => length > 0 && length <= STOP_CHARACTERS_MAX;

const stops: Rule = {
  isType: (value) => isText(value) || (Array.isArray(value) && value.every(isText)),
  allows: (value: string | readonly string[]) =>
    isText(value) ? isStop(value) : value.length > 0 && value.length <= STOPS_MAX && value.every(isStop),
  message: `must be a text of 1 to ${STOP_CHARACTERS_MAX} characters, or a list of 1 to ${STOPS_MAX} of them`,
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
  readonly about: 'name' | 'type' | 'value';
}

/** Every mistake at once; none when the settings may be sent as they are. */
export function paramMistakes(params: Readonly<Record<string, unknown>>): ParamMistake[] {
  return Object.entries(params).flatMap(([name, value]) => {
    const mistake = mistakeIn(rules.get(name), value);
    return mistake ? [{ path: `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`, ...mistake }] : [];
  });
}

function mistakeIn(rule: Rule | undefined, value: unknown): Omit<ParamMistake, 'path'> | undefined {
  if (!rule) return { message: 'is not an allowed setting', about: 'name' };
  const { isType, allows, message } = rule;
  if (!isType(value)) return { message, about: 'type' };
  return allows(value as never) ? undefined : { message, about: 'value' };
}
