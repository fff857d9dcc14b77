import { type ByteSource, bytesOf } from './bytes.js';
import { Unreadable } from './findings.js';

const PIECE_BYTES = 1024 * 1024;
/** Twice what the longest event of the log needs: a text of 1 MiB whose every character is escaped by two levels of JSON. */
const LINE_BYTES_MAX = 8 * 1024 * 1024;
const LINE_FEED = 10;

/** The lines of a file, one after the other. Holds a piece of the file and at most one line. */
export class Lines {
  private readonly decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  private ready: string[] = [];
  private taken = 0;
  private rest = new Uint8Array();
  private read = 0;
  private lineNumber = 0;

  constructor(
    readonly path: string,
    private readonly file: ByteSource,
  ) {}

  /** Of the line that `peek` returns, from 1. */
  get number(): number {
    return this.lineNumber + 1;
  }

  /** The next line without its line feed. Undefined at the end of the file. */
  async peek(): Promise<string | undefined> {
    while (this.taken === this.ready.length && (this.read < this.file.size || this.rest.length > 0))
      await this.readOn();
    return this.ready[this.taken];
  }

  skip(): void {
    this.taken++;
    this.lineNumber++;
  }

  async next(): Promise<string | undefined> {
    const line = await this.peek();
    if (line !== undefined) this.skip();
    return line;
  }

  private async readOn(): Promise<void> {
    if (this.read === this.file.size) throw new Unreadable(this.path, 'the last line has no line feed');
    const piece = await bytesOf(this.file.slice(this.read, this.read + PIECE_BYTES));
    this.read += piece.length;
    const bytes = new Uint8Array(this.rest.length + piece.length);
    bytes.set(this.rest);
    bytes.set(piece, this.rest.length);
    const end = bytes.lastIndexOf(LINE_FEED) + 1;
    this.rest = bytes.slice(end);
    if (this.rest.length > LINE_BYTES_MAX) throw new Unreadable(this.path, `line ${this.number} is too long`);
    this.ready = end === 0 ? [] : this.textOf(bytes.subarray(0, end - 1)).split('\n');
    this.taken = 0;
  }

  private textOf(bytes: Uint8Array): string {
    try {
      return this.decoder.decode(bytes);
    } catch {
      throw new Unreadable(this.path, `line ${this.number} or a later one is not UTF-8`);
    }
  }
}
