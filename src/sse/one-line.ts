/** JSON has no line feed or carriage return. Some readers also break lines at these characters, so they are escaped. */
const BREAKS_FOR_SOME = /[\u0085\u2028\u2029]/g;

/** JSON that every reader takes for one line. */
export function oneLine(data: unknown): string {
  const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return JSON.stringify(data).replace(BREAKS_FOR_SOME, escaped);
}
