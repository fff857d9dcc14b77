/** Characters that could move the cursor, change colours, or reverse the order of the text around them. */
const INVISIBLE = /[\p{Cc}\p{Cf}\u2028\u2029\p{Cs}]/gu;

/** Makes a text of users or models safe for a terminal: on one line, without control characters. */
export function visible(text: string): string {
  return text.replace(INVISIBLE, (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`);
}

export function shortened(text: string, charactersMax: number): string {
  if (text.length <= charactersMax) return visible(text);
  // Do not cut a surrogate pair.
  return `${visible(text.slice(0, charactersMax - 1).replace(/[\ud800-\udbff]$/, ''))}…`;
}
