import { limits } from '../limits.js';
import { RetryableError } from '../ports/errors.js';

/**
 * Runs the actions on one key one after the other. Otherwise all writers of a stream would decide on the same state, and
 * only one could append.
 */
export class OneAtATime {
  private readonly lines = new Map<string, { length: number; last: Promise<unknown> }>();

  async run<T>(name: string, act: () => Promise<T>): Promise<T> {
    const line = this.lines.get(name) ?? { length: 0, last: Promise.resolve() };
    if (line.length >= limits.writersWaitingMax) throw new RetryableError(`too many are waiting for ${name}`);
    const acting = line.length === 0 ? act() : line.last.then(act, act);
    line.length += 1;
    line.last = acting;
    this.lines.set(name, line);
    try {
      return await acting;
    } finally {
      line.length -= 1;
      if (line.length === 0) this.lines.delete(name);
    }
  }
}
