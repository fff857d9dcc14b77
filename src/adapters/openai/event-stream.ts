import { limits } from '../../limits.js';
import { ModelFailure } from '../../ports/language-model.js';

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/**
 * The data of each server-sent event, by the WHATWG standard: lines end with CR, LF or both, an event with an empty
 * line, and one that was not ended is none. Names, ids and comments say nothing here and are passed over. Lines are cut
 * as bytes, which no character of UTF-8 can be mistaken for, and decoded whole.
 */
export class EventDecoder {
  private line: Buffer[] = [];
  private data: string[] = [];
  private lineBytes = 0;
  private dataBytes = 0;
  private first = true;
  private afterCarriageReturn = false;

  *decode(chunk: Buffer): Iterable<string> {
    let start = 0;
    for (let at = 0; at < chunk.length; at += 1) {
      const byte = chunk[at];
      const secondOfPair = byte === LINE_FEED && this.afterCarriageReturn;
      this.afterCarriageReturn = byte === CARRIAGE_RETURN;
      if (secondOfPair) start = at + 1;
      if (secondOfPair || (byte !== LINE_FEED && byte !== CARRIAGE_RETURN)) continue;
      this.hold(chunk.subarray(start, at));
      start = at + 1;
      yield* this.endLine();
    }
    this.hold(chunk.subarray(start));
  }

  private hold(part: Buffer): void {
    if (part.length === 0) return;
    this.line.push(part);
    this.lineBytes += part.length;
    if (this.dataBytes + this.lineBytes > limits.providerEventBytesMax) {
      const most = `more than ${limits.providerEventBytesMax} bytes`;
      throw new ModelFailure('provider_error', `The provider sent an event of ${most}`, { retryable: false });
    }
  }

  private *endLine(): Iterable<string> {
    const text = Buffer.concat(this.line).toString();
    const line = this.first ? text.replace(/^\uFEFF/, '') : text;
    const isData = line === 'data' || line.startsWith('data:');
    if (isData) {
      this.data.push(line.slice(line[5] === ' ' ? 6 : 5));
      this.dataBytes += this.lineBytes;
    }
    this.first = false;
    this.line = [];
    this.lineBytes = 0;
    if (line !== '') return;
    if (this.data.length > 0) yield this.data.join('\n');
    this.data = [];
    this.dataBytes = 0;
  }
}
