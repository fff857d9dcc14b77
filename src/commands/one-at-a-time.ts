import { limits } from '../limits.js';
import { RetryableError } from '../ports/errors.js';

/**
 * Lets what is done about the same thing wait for its turn. Writers of one stream would else all decide on the same
 * state, and all but one of them in vain.
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
