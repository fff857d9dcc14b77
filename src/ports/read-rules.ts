import { categoryOf, checkStreamName } from './append-rules.js';
import { TerminalError } from './errors.js';
import type { AllStreamsFilter, ReadStreamOptions } from './event-log.js';

export class InvalidRead extends TerminalError {}

/** Refuses arguments that the engines would read in different ways. */
export function checkReadStream(stream: string, { from, eventsMax }: ReadStreamOptions): void {
  checkStreamName(stream);
  for (const [name, value] of Object.entries({ from, eventsMax })) {
    if (value !== undefined && !(Number.isSafeInteger(value) && value >= 0)) {
      throw new InvalidRead(`read of ${stream}: ${name} is ${value}, expected a whole number from 0 on`);
    }
  }
}

/** Applies a filter to an event, for engines without their own filter. */
export function passes(
  { stream, type }: { readonly stream: string; readonly type: string },
  { categories, withoutTypes }: AllStreamsFilter = {},
): boolean {
  return (categories?.includes(categoryOf(stream)) ?? true) && !withoutTypes?.includes(type);
}
