/** RFC 8785 defines no canonical form of this value. */
export class NotCanonical extends Error {}

/** Deeper values are refused, because both this function and its readers recurse. */
const DEPTH_MAX = 500;

/** The canonical form of RFC 8785. Throws NotCanonical for a lone surrogate, an infinite number, and what is not JSON. */
export const canonicalJson = (value: unknown): string => written(value, true, DEPTH_MAX);

/**
 * The canonical form of a protected value: RFC 8785, and a lone surrogate is written as `\udxxx` in lower case. A person or a
 * provider may send half a character, and the record must keep it.
 */
export const canonicalText = (value: unknown): string => written(value, false, DEPTH_MAX);

function written(value: unknown, isStrict: boolean, depthLeft: number): string {
  switch (typeof value) {
    case 'string':
      return writtenString(value, isStrict);
    case 'number':
      // ECMAScript writes numbers as RFC 8785 demands, and negative zero as 0.
      if (!Number.isFinite(value)) throw new NotCanonical('a number is not finite');
      return JSON.stringify(value);
    case 'boolean':
      return value ? 'true' : 'false';
    case 'object':
      if (value === null) return 'null';
      if (depthLeft === 0) throw new NotCanonical(`a value nests deeper than ${DEPTH_MAX} levels`);
      if (Array.isArray(value)) {
        return `[${Array.from(value, (item) => written(item, isStrict, depthLeft - 1)).join(',')}]`;
      }
      return writtenObject(value as Record<string, unknown>, isStrict, depthLeft - 1);
    default:
      throw new NotCanonical(`JSON has no ${typeof value}`);
  }
}

/** `sort` compares UTF-16 code units, as RFC 8785 demands. */
function writtenObject(value: Record<string, unknown>, isStrict: boolean, depthLeft: number): string {
  const members = Object.keys(value).sort();
  return `{${members.map((key) => `${writtenString(key, isStrict)}:${written(value[key], isStrict, depthLeft)}`).join(',')}}`;
}

/** ECMAScript escapes the characters of RFC 8785, and also lone surrogates, in lower case. */
function writtenString(text: string, isStrict: boolean): string {
  if (isStrict && !text.isWellFormed()) throw new NotCanonical('a text has a lone surrogate');
  return JSON.stringify(text);
}
