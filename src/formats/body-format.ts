import type { ConversationEvent } from '../events/conversation-events.js';

export type PromptPart = Extract<ConversationEvent, { type: 'PromptAssembled' }>['data']['parts'][number];

/** The place of a recorded text: an event, and a pointer into it. */
export interface TextSource {
  readonly event: string;
  readonly pointer: string;
}

/** A prompt in no provider's terms. It refers to its texts and holds none of them. */
export interface NeutralPrompt {
  readonly model: string;
  readonly system: TextSource | undefined;
  /** The first and the last node of the path. */
  readonly path: { readonly from: string; readonly to: string };
  /** In the order in which the body has them. */
  readonly params: readonly (readonly [name: string, value: unknown])[];
}

/** The texts to which the parts of a prompt refer. */
export interface BodyTexts {
  text(source: TextSource): string;
  /** The messages between two nodes of the path that enter the prompt, oldest first. */
  messages(from: string, to: string): readonly { readonly role: 'user' | 'assistant'; readonly text: string }[];
}

/** How one provider's request body is written. A released version never changes: recorded hashes depend on it. */
export interface BodyFormat {
  /** As a prompt records it. */
  readonly name: string;
  /** The settings that it can write. */
  readonly params: ParamTable;
  /** The maximum length of an answer by these settings. Undefined if they name none. */
  answerTokensIn(params: Readonly<Record<string, unknown>>): number | undefined;
  /** Where a body goes, below the base address of a provider. */
  readonly request: { readonly path: string };
  /** The concatenation of the rendered parts is the body. The path is one part, so a turn costs the log always the same. */
  partsOf(prompt: NeutralPrompt): PromptPart[];
  render(parts: readonly PromptPart[], texts: BodyTexts): string;
}

/** The rule for the values of a setting. It distinguishes a wrong type from a value that may not be sent. */
export interface ParamRule {
  readonly isType: (value: unknown) => boolean;
  /** Of a value that has the type. */
  readonly allows: (value: never) => boolean;
  readonly message: string;
  /** The same as JSON Schema, as far as that can say it. */
  readonly schema: object;
}

/** The settings that a format knows, by the names that it gives them. */
export type ParamTable = ReadonlyMap<string, ParamRule>;

export const numberFrom = (least: number, most: number): ParamRule => ({
  isType: (value) => typeof value === 'number',
  allows: (value: number) => least <= value && value <= most,
  message: `must be a number from ${least} to ${most}`,
  schema: { type: 'number', minimum: least, maximum: most },
});

export const integerFrom = (least: number): ParamRule => ({
  isType: Number.isInteger,
  allows: (value: number) => Number.isSafeInteger(value) && value >= least,
  message: `must be an integer from ${least} on`,
  schema: { type: 'integer', minimum: least, maximum: Number.MAX_SAFE_INTEGER },
});

/** An enumeration is a type, as everywhere else in a request. */
export const oneOf = (...values: readonly string[]): ParamRule => ({
  isType: (value) => values.some((allowed) => allowed === value),
  allows: () => true,
  message: `must be one of ${values.join(', ')}`,
  schema: { type: 'string', enum: values },
});

const isText = (value: unknown): value is string => typeof value === 'string';

/** One text or a list of some, none of them empty or longer than `charactersMax`. */
export function textOrTexts(textsMax: number, charactersMax: number): ParamRule {
  const isAllowed = (text: string) =>
    text.length > 0 && text.length <= charactersMax && !text.includes('\0') && text.isWellFormed();
  const text = { type: 'string', minLength: 1, maxLength: charactersMax, pattern: '^[^\\u0000]*$' };
  return {
    isType: (value) => isText(value) || (Array.isArray(value) && value.every(isText)),
    allows: (value: string | readonly string[]) =>
      isText(value) ? isAllowed(value) : value.length > 0 && value.length <= textsMax && value.every(isAllowed),
    message:
      `must be a text of 1 to ${charactersMax} characters without NUL or half of a surrogate pair, ` +
      `or a list of 1 to ${textsMax} of them`,
    schema: { oneOf: [text, { type: 'array', items: text, minItems: 1, maxItems: textsMax }] },
  };
}

export interface ParamMistake {
  /** A JSON pointer from the settings on. */
  readonly path: string;
  readonly message: string;
  readonly about: 'name' | 'type' | 'value';
}

/** All mistakes in the settings. */
export function paramMistakes(table: ParamTable, params: Readonly<Record<string, unknown>>): ParamMistake[] {
  return Object.entries(params).flatMap(([name, value]) => {
    const mistake = mistakeIn(table.get(name), value);
    return mistake ? [{ path: `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`, ...mistake }] : [];
  });
}

function mistakeIn(rule: ParamRule | undefined, value: unknown): Omit<ParamMistake, 'path'> | undefined {
  if (!rule) return { message: 'is not an allowed setting', about: 'name' };
  const { isType, allows, message } = rule;
  if (!isType(value)) return { message, about: 'type' };
  return allows(value as never) ? undefined : { message, about: 'value' };
}
