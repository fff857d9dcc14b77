import type { BodyFormat } from './body-format.js';
import { openAiChat1 } from './openai-chat-1.js';

/** Every format that ever recorded a prompt. None is ever removed. */
const formats: ReadonlyMap<string, BodyFormat> = new Map([openAiChat1].map((format) => [format.name, format]));

export function formatOf(name: string): BodyFormat {
  const format = formats.get(name);
  if (!format) throw new Error(`the format ${name} is not known here: a later version recorded this prompt`);
  return format;
}
