import type { IncomingMessage } from 'node:http';
import { limits } from '../../limits.js';
import type { ModelFailure } from '../../ports/language-model.js';

/**
 * What an answer brought, read off its socket as it comes and kept until it is taken: a socket that is reset throws
 * away whatever was received but not yet read. So the end, good or bad, is told only after everything before it.
 * When too much waits the socket is not read any more, and its sender has to wait too.
 */
export class Arrivals implements AsyncIterable<Buffer> {
  private waiting: Buffer[] = [];
  private bytes = 0;
  private ended: { readonly failure?: ModelFailure } | undefined;
  private wake = (): void => {};
  private deadline: NodeJS.Timeout | undefined;

  constructor(private readonly answer: IncomingMessage) {
    answer.on('data', (chunk: Buffer) => {
      this.waiting.push(chunk);
      this.bytes += chunk.length;
      if (this.bytes >= limits.providerQueueBytesMax) answer.pause();
      this.wake();
    });
    answer.on('end', () => this.end({}));
  }

  /** What has not come by then is not waited for: to whoever reads, the answer ends there. */
  endIn(milliseconds: number): void {
    if (this.ended || this.deadline) return;
    this.deadline = setTimeout(() => this.end({}), milliseconds);
  }

  fail(failure: ModelFailure): void {
    this.end({ failure });
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    for (;;) {
      if (this.waiting.length > 0) {
        const taken = Buffer.concat(this.waiting);
        this.waiting = [];
        yield taken;
        this.bytes -= taken.length;
        this.answer.resume();
      } else if (this.ended) {
        if (this.ended.failure) throw this.ended.failure;
        return;
      } else {
        await new Promise<void>((resolve) => {
          this.wake = resolve;
        });
      }
    }
  }

  private end(how: { readonly failure?: ModelFailure }): void {
    clearTimeout(this.deadline);
    this.ended ??= how;
    this.wake();
  }
}
