import type { Received } from '../domain/generation.js';
import { limits } from '../limits.js';
import type { Clock } from '../ports/clock.js';

export type Piece = Received;

export interface JoinWindow {
  readonly milliseconds: number;
  /** Of UTF-8: so much is not kept waiting. */
  readonly bytes: number;
}

const WINDOW_ENDS_PER_WINDOW = 5;

/**
 * What came of an answer and is not committed yet. The first text goes at once; what comes later waits for company, for
 * as long as the window says. It takes as much as is brought: whoever brings it must not wait for commits.
 */
export class JoinedText {
  private pieces: Piece[] = [];
  /** What nothing reads: it parts no texts, hurries nothing, and goes with the next of them. */
  private unread: Piece[] = [];
  /** Of UTF-8, in all pieces. */
  private bytes = 0;
  private waitingSince = 0;
  private isFirst = true;
  private ended = false;
  /** By block, the first half of a surrogate pair whose second half has yet to come. */
  private readonly halves = new Map<number, Piece>();
  private wake = (): void => {};

  constructor(
    private readonly window: JoinWindow,
    private readonly clock: Clock,
  ) {}

  add(brought: Piece): void {
    if (brought.channel === 'other') {
      this.unread.push(brought);
      return;
    }
    const piece = this.withoutHalf(brought);
    if (piece.text === '' && !piece.tool) return;
    if (this.pieces.length === 0) this.waitingSince = this.clock.now();
    const wasDue = this.isDue();
    this.join(piece);
    if (this.pieces.length === 1 || (!wasDue && this.isDue())) this.wake();
  }

  end(): void {
    for (const half of this.halves.values()) this.join(half);
    this.ended = true;
    this.wake();
  }

  /** What is to be committed next, and whether anything comes after it. */
  async next(): Promise<{ readonly pieces: readonly Piece[]; readonly isLast: boolean }> {
    while (!this.isDue()) await this.change();
    this.isFirst = false;
    const pieces = this.take();
    return { pieces, isLast: this.ended && this.pieces.length === 0 && this.unread.length === 0 };
  }

  private isDue(): boolean {
    if (this.ended) return true;
    if (this.pieces.length === 0) return false;
    return this.isFirst || this.bytes >= this.window.bytes || this.msLeft() <= 0;
  }

  /**
   * Windows end at the same few moments for all answers, a little early rather than late: what ends together is
   * committed together.
   */
  private msLeft(): number {
    const gridMs = Math.max(1, this.window.milliseconds / WINDOW_ENDS_PER_WINDOW);
    const end = this.waitingSince + this.window.milliseconds;
    return end - (end % gridMs) - this.clock.now();
  }

  private async change(): Promise<void> {
    if (this.pieces.length === 0) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
      return;
    }
    // The timer of a window that filled up early runs out unheard: that costs less than to take it back.
    const woken = new Promise<void>((resolve) => {
      this.wake = resolve;
    });
    await Promise.race([this.clock.sleep(this.msLeft()), woken]);
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

  /** As much as one append may hold, however it is escaped and into however many pieces it is cut. */
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
    this.waitingSince = this.clock.now();
    return [...taken, ...this.takeUnread()];
  }

  /** As one piece: each of them is a line of its own. */
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

/** Where to cut, so that no surrogate pair is cut in two. */
function wholePairs(text: string, at: number): number {
  return /[\uD800-\uDBFF]/.test(text[at - 1] ?? '') ? at - 1 : at;
}
