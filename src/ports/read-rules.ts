import { checkStreamName } from './append-rules.js';
import { TerminalError } from './errors.js';
import type { ReadStreamOptions } from './event-log.js';

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
