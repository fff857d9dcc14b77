import { limits } from '../../limits.js';
import { ModelFailure } from '../../ports/language-model.js';

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

/**
 * Parses the data of server-sent events by the WHATWG standard: lines end with CR, LF or both, an event ends with an empty
 * line, and an unfinished event is dropped. Names, ids and comments are ignored. Lines are split as bytes, which no UTF-8
 * character contains, and decoded whole.
 */
export class EventDecoder {
  private line: Buffer[] = [];
  private data: string[] = [];
  private lineBytes = 0;
  private dataBytes = 0;
  private first = true;
  private afterCarriageReturn = false;

  /** Returns the data of each finished event. Events before one that is too large are still returned. */
  decode(chunk: Buffer, take: (data: string) => void): void {
    let start = this.afterCarriageReturn && chunk[0] === LINE_FEED ? 1 : 0;
    if (chunk.length > 0) this.afterCarriageReturn = false;
    let feed = chunk.indexOf(LINE_FEED, start);
    let carriage = chunk.indexOf(CARRIAGE_RETURN, start);
    while (feed >= 0 || carriage >= 0) {
      const isCarriage = feed < 0 || (carriage >= 0 && carriage < feed);
      const end = isCarriage ? carriage : feed;
      this.endLine(chunk, start, end, take);
      start = end + 1;
      if (isCarriage) {
        this.afterCarriageReturn = start === chunk.length;
        if (start === feed) start += 1;
        carriage = chunk.indexOf(CARRIAGE_RETURN, start);
      }
      // Search only after the found line end. Otherwise a far one would be searched again for each line.
      if (feed >= 0 && feed < start) feed = chunk.indexOf(LINE_FEED, start);
    }
    if (start < chunk.length) this.hold(chunk.subarray(start));
  }

  private hold(part: Buffer): void {
    this.line.push(part);
    this.count(part.length);
  }

  private count(bytes: number): void {
    this.lineBytes += bytes;
    if (this.dataBytes + this.lineBytes > limits.providerEventBytesMax) {
      const most = `more than ${limits.providerEventBytesMax} bytes`;
      throw new ModelFailure('provider_error', `The provider sent an event of ${most}`, { retryable: false });
    }
  }

  private endLine(chunk: Buffer, start: number, end: number, take: (data: string) => void): void {
    const text = this.lineEndingAt(chunk, start, end);
    const line = this.first ? text.replace(/^\uFEFF/, '') : text;
    if (line === 'data' || line.startsWith('data:')) {
      this.data.push(line.slice(line[5] === ' ' ? 6 : 5));
      this.dataBytes += this.lineBytes;
    }
    this.first = false;
    this.lineBytes = 0;
    if (line === '') this.endEvent(take);
  }

  private lineEndingAt(chunk: Buffer, start: number, end: number): string {
    this.count(end - start);
    // Nearly every line arrives in one piece.
    if (this.line.length === 0) return chunk.toString('utf8', start, end);
    const line = Buffer.concat([...this.line, chunk.subarray(start, end)]).toString();
    this.line = [];
    return line;
  }

  private endEvent(take: (data: string) => void): void {
    const { data } = this;
    if (data.length === 0) return;
    this.data = [];
    this.dataBytes = 0;
    take(data.length === 1 ? (data[0] as string) : data.join('\n'));
  }
}
