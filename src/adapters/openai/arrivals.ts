import type { IncomingMessage } from 'node:http';
import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import { limits } from '../../limits.js';
import { ModelFailure, type Moments } from '../../ports/language-model.js';

/**
 * The bytes of an answer, read from the socket as they come and kept until they are taken: a reset socket drops what was
 * received and not read. The end or the error of the answer comes after all its bytes.
 * When too many bytes wait, the socket is paused. A sender without pauses is read in pieces, so that other work of the
 * process gets its turn.
 */
export class Arrivals implements AsyncIterable<Buffer> {
  private waiting: Buffer[] = [];
  private bytes = 0;
  private bytesInAll = 0;
  private bytesInTurn = 0;
  private ended: { readonly failure?: ModelFailure } | undefined;
  private wake = (): void => {};
  private deadline: NodeJS.Timeout | undefined;
  private moments: Moments | undefined;
  private awaitsMoment = false;

  constructor(private readonly answer: IncomingMessage) {
    answer.on('data', (chunk: Buffer) => this.add(chunk));
    answer.on('end', () => this.end({}));
  }

  /** Bytes after this time are not waited for: for the reader the answer ends there. */
  endIn(milliseconds: number): void {
    if (this.ended || this.deadline) return;
    this.deadline = setTimeout(() => this.end({}), milliseconds);
  }

  /**
   * From now on few bytes are handed out only at these moments, because a single token costs many times as much as one among
   * others. Many bytes, and the end, are handed out at once.
   */
  handOutAt(moments: Moments): void {
    this.moments = moments;
  }

  fail(failure: ModelFailure): void {
    this.end({ failure });
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    for (;;) {
      if (this.waiting.length > 0) {
        yield* this.inPieces(this.takeAll());
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

  private add(chunk: Buffer): void {
    if (this.ended) return;
    this.waiting.push(chunk);
    this.bytes += chunk.length;
    this.bytesInAll += chunk.length;
    if (this.bytesInAll > limits.providerStreamBytesMax) this.fail(endless());
    if (this.bytes >= limits.providerQueueBytesMax) this.answer.pause();
    if (!this.moments || this.bytes >= limits.providerWaitingBytesMax) this.wake();
    else if (!this.awaitsMoment) this.wakeAtNext(this.moments);
  }

  private wakeAtNext(moments: Moments): void {
    this.awaitsMoment = true;
    moments.readAtNext(() => {
      this.awaitsMoment = false;
      this.wake();
    });
  }

  private takeAll(): Buffer {
    const all = Buffer.concat(this.waiting);
    this.waiting = [];
    return all;
  }

  private async *inPieces(all: Buffer): AsyncGenerator<Buffer> {
    for (let start = 0; start < all.length; start += limits.providerPieceBytesMax) {
      const piece = all.subarray(start, start + limits.providerPieceBytesMax);
      yield piece;
      this.bytes -= piece.length;
      this.answer.resume();
      await this.shareTheLoop(piece.length);
    }
  }

  /** Also if no bytes wait: the event loop reads a socket many times before it does other work. */
  private async shareTheLoop(taken: number): Promise<void> {
    this.bytesInTurn += taken;
    if (this.bytesInTurn < limits.providerPieceBytesMax) return;
    this.bytesInTurn = 0;
    await turnOfTheLoop();
  }

  private end(how: { readonly failure?: ModelFailure }): void {
    clearTimeout(this.deadline);
    this.ended ??= how;
    this.wake();
  }
}

function endless(): ModelFailure {
  const words = 'The answer was cut off because its stream exceeds the size limit';
  return new ModelFailure('too_long', words, { retryable: false });
}
