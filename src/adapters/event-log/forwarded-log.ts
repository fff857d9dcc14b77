import type { Position } from '../../events/envelope.js';
import type { BackgroundHealth } from '../../ports/background-health.js';
import type { AllStreamsFilter, LogWithoutCommands, ReadStreamOptions } from '../../ports/event-log.js';

/** For a log that appends in its own way and leaves everything else to the log behind it. */
export abstract class ForwardedLog implements Omit<LogWithoutCommands, 'append'> {
  protected abstract readonly log: LogWithoutCommands;

  get continuity() {
    return this.log.continuity;
  }

  readStream(stream: string, options?: ReadStreamOptions) {
    return this.log.readStream(stream, options);
  }

  readAll(after: Position, filter?: AllStreamsFilter) {
    return this.log.readAll(after, filter);
  }

  subscribe(after: Position, signal: AbortSignal, filter?: AllStreamsFilter) {
    return this.log.subscribe(after, signal, filter);
  }

  async gapAfter(position: Position) {
    return this.log.gapAfter?.(position);
  }

  head() {
    return this.log.head();
  }

  holds(position: Position) {
    return this.log.holds(position);
  }

  parsePosition(text: string) {
    return this.log.parsePosition(text);
  }

  backlog(after: Position, countMax: number, filter?: AllStreamsFilter) {
    return this.log.backlog(after, countMax, filter);
  }

  identity() {
    return this.log.identity();
  }

  knownIdentity() {
    return this.log.knownIdentity();
  }

  reportTo(health: BackgroundHealth): void {
    this.log.reportTo?.(health);
  }

  close() {
    return this.log.close();
  }
}
