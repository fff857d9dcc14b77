/** JSON never breaks a line for those who know what a line is. Some readers also break it at these, so they are escaped. */
const BREAKS_FOR_SOME = /[\u0085\u2028\u2029]/g;

/** JSON that every reader of a stream takes for one line. */
export function oneLine(data: unknown): string {
  const escaped = (character: string) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return JSON.stringify(data).replace(BREAKS_FOR_SOME, escaped);
}
