/** RFC 8785 has no form of this value. */
export class NoCanonicalForm extends Error {}

/** The object itself is the first level. */
const LEVELS_MAX = 500;

/** JCS: the form of RFC 8785. */
export const canonicalJson = (value: unknown): string => formOf(value, LEVELS_MAX, false);

/** The form in which lone surrogates are written as `\udxxx`. */
export const canonicalText = (value: unknown): string => formOf(value, LEVELS_MAX, true);

function formOf(value: unknown, levels: number, allowsHalves: boolean): string {
  if (typeof value === 'string') return formOfText(value, allowsHalves);
  if (typeof value === 'boolean' || value === null) return String(value);
  if (typeof value === 'number' && Number.isFinite(value)) return Object.is(value, -0) ? '0' : String(value);
  if (typeof value !== 'object' || levels === 0) throw new NoCanonicalForm();
  if (Array.isArray(value)) return `[${value.map((item) => formOf(item, levels - 1, allowsHalves)).join(',')}]`;
  const object = value as Readonly<Record<string, unknown>>;
  const members: string[] = [];
  // The order of UTF-16 code units is the order in which JavaScript compares texts.
  for (const name of Object.keys(object).sort()) {
    members.push(`${formOfText(name, allowsHalves)}:${formOf(object[name], levels - 1, allowsHalves)}`);
  }
  return `{${members.join(',')}}`;
}

function formOfText(text: string, allowsHalves: boolean): string {
  if (!allowsHalves && !text.isWellFormed()) throw new NoCanonicalForm();
  return JSON.stringify(text);
}

/** The form, or undefined if there is none. */
export function formIfAny(write: (value: unknown) => string, value: unknown): string | undefined {
  try {
    return write(value);
  } catch (error) {
    if (error instanceof NoCanonicalForm) return undefined;
    throw error;
  }
}

export function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The caller reports the text as no JSON.
    return undefined;
  }
}

export type JsonObject = Readonly<Record<string, unknown>>;

export const isObject = (value: unknown): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
