import { categoryOf, checkStreamName } from './append-rules.js';
import { TerminalError } from './errors.js';
import type { AllStreamsFilter, ReadStreamOptions } from './event-log.js';

export class InvalidRead extends TerminalError {}

/** Refuses what engines would each take for something else. */
export function checkReadStream(stream: string, { from, eventsMax }: ReadStreamOptions): void {
  checkStreamName(stream);
  for (const [name, value] of Object.entries({ from, eventsMax })) {
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= 0)) {
      throw new InvalidRead(`read of ${stream}: ${name} is ${value}, expected a whole number from 0 on`);
    }
  }
}

/** What a filter means, for engines that have the events at hand. */
export function passes(
  { stream, type }: { readonly stream: string; readonly type: string },
  { categories, withoutTypes }: AllStreamsFilter = {},
): boolean {
  return (categories?.includes(categoryOf(stream)) ?? true) && !withoutTypes?.includes(type);
}
