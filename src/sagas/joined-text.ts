import type { Received } from '../domain/generation.js';
import { limits } from '../limits.js';
import type { FlushClock } from './flush-clock.js';

export type Piece = Received;

export interface JoinWindow {
  readonly flushes: FlushClock;
  /** Bytes of UTF-8 at which text is appended without waiting for the clock. */
  readonly bytes: number;
}

/**
 * The received text of an answer that is not appended yet. The first text leaves at once, later text at the next tick of
 * the flush clock. It accepts all text at once, because reading from the provider must not wait for commits.
 */
export class JoinedText {
  private pieces: Piece[] = [];
  /** Fields that Verbatim does not read. They do not split texts, and leave with the next text. */
  private unread: Piece[] = [];
  /** Bytes of UTF-8 in all pieces. */
  private bytes = 0;
  private isFirst = true;
  private isTime = false;
  private ended = false;
  /** By block, the first half of a surrogate pair whose second half has not come. */
  private readonly halves = new Map<number, Piece>();
  private wake = (): void => {};

  constructor(private readonly window: JoinWindow) {}

  add(brought: Piece): void {
    if (brought.channel === 'other') {
      this.unread.push(brought);
      return;
    }
    const piece = this.withoutHalf(brought);
    if (piece.text === '' && !piece.tool) return;
    const wasDue = this.isDue();
    this.join(piece);
    if (this.pieces.length === 1 || (!wasDue && this.isDue())) this.wake();
  }

  end(): void {
    for (const half of this.halves.values()) this.join(half);
    this.ended = true;
    this.wake();
  }

  /** The next pieces to commit, and whether more will follow. */
  async next(): Promise<{ readonly pieces: readonly Piece[]; readonly isLast: boolean }> {
    while (!this.isDue()) await this.change();
    this.isFirst = false;
    const pieces = this.take();
    return { pieces, isLast: this.ended && this.pieces.length === 0 && this.unread.length === 0 };
  }

  private isDue(): boolean {
    if (this.ended) return true;
    if (this.pieces.length === 0) return false;
    return this.isFirst || this.isTime || this.bytes >= this.window.bytes;
  }

  private change(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve;
      if (this.pieces.length === 0) return;
      this.window.flushes.atNext(() => {
        // The text has already left, because it reached the byte limit.
        this.isTime = this.pieces.length > 0;
        if (this.isTime) this.wake();
      });
    });
  }

  private join(piece: Piece): void {
    this.bytes += bytesOf(piece.text);
    const last = this.pieces.at(-1);
    if (last?.block !== piece.block || piece.tool) this.pieces.push(piece);
    else this.pieces[this.pieces.length - 1] = { ...last, text: last.text + piece.text };
  }

  private withoutHalf(piece: Piece): Piece {
    const { block, channel } = piece;
    const text = (this.halves.get(block)?.text ?? '') + piece.text;
    const half = /[\uD800-\uDBFF]$/.exec(text)?.[0];
    if (half) this.halves.set(block, { block, channel, text: half });
    else this.halves.delete(block);
    return { ...piece, text: half ? text.slice(0, -1) : text };
  }

  /** Takes as many pieces as fit one append, in escaped form. */
  private take(): Piece[] {
    let room: number = limits.deltaCharactersMax;
    let whole = 0;
    while (whole < limits.deltasPerAppendMax) {
      const next = this.pieces[whole];
      const length = next ? next.text.length + toolCharacters(next) : room + 1;
      if (length > room) break;
      room -= length;
      whole += 1;
    }
    const taken = this.pieces.splice(0, whole);
    const first = this.pieces[0];
    const textRoom = first ? room - toolCharacters(first) : 0;
    const end = first && textRoom > 0 && whole < limits.deltasPerAppendMax ? wholePairs(first.text, textRoom) : 0;
    if (first && end > 0) {
      const { block, channel } = first;
      taken.push({ ...first, text: first.text.slice(0, end) });
      this.pieces[0] = { block, channel, text: first.text.slice(end) };
    }
    for (const { text } of taken) this.bytes -= bytesOf(text);
    this.isTime = false;
    return [...taken, ...this.takeUnread()];
  }

  /** Joins the fields into one piece, one line for each. */
  private takeUnread(): Piece[] {
    const [first] = this.unread;
    if (!first) return [];
    let characters = 0;
    const end = this.unread.findIndex(({ text }) => {
      characters += text.length;
      return characters > limits.unreadCharactersPerAppendMax;
    });
    const taken = this.unread.splice(0, end < 0 ? this.unread.length : Math.max(1, end));
    return [{ ...first, text: taken.map(({ text }) => text).join('') }];
  }
}

const toolCharacters = ({ tool }: Piece): number => (tool ? JSON.stringify(tool).length : 0);

const bytesOf = (text: string): number => Buffer.byteLength(text, 'utf8');

/** The index to cut at without splitting a surrogate pair. */
function wholePairs(text: string, at: number): number {
  return /[\uD800-\uDBFF]/.test(text[at - 1] ?? '') ? at - 1 : at;
}
