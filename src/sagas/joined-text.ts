import type { Channel } from '../domain/generation.js';
import { limits } from '../limits.js';
import type { Clock } from '../ports/clock.js';

export interface Piece {
  readonly channel: Channel;
  readonly text: string;
}

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
  /** Of UTF-8, in all pieces. */
  private bytes = 0;
  private waitingSince = 0;
  private isFirst = true;
  private ended = false;
  /** The first half of a surrogate pair whose second half has yet to come. */
  private readonly halves = new Map<Channel, string>();
  private wake = (): void => {};

  constructor(
    private readonly window: JoinWindow,
    private readonly clock: Clock,
  ) {}

  add(channel: Channel, brought: string): void {
    const text = this.withoutHalf(channel, (this.halves.get(channel) ?? '') + brought);
    if (text === '') return;
    if (this.pieces.length === 0) this.waitingSince = this.clock.now();
    const wasDue = this.isDue();
    this.join({ channel, text });
    if (this.pieces.length === 1 || (!wasDue && this.isDue())) this.wake();
  }

  end(): void {
    for (const [channel, half] of this.halves) this.join({ channel, text: half });
    this.ended = true;
    this.wake();
  }

  /** What is to be committed next, and whether anything comes after it. */
  async next(): Promise<{ readonly pieces: readonly Piece[]; readonly isLast: boolean }> {
    while (!this.isDue()) await this.change();
    this.isFirst = false;
    const pieces = this.take();
    return { pieces, isLast: this.ended && this.pieces.length === 0 };
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
    if (last?.channel !== piece.channel) this.pieces.push(piece);
    else this.pieces[this.pieces.length - 1] = { channel: piece.channel, text: last.text + piece.text };
  }

  private withoutHalf(channel: Channel, text: string): string {
    const half = /[\uD800-\uDBFF]$/.exec(text)?.[0];
    if (half) this.halves.set(channel, half);
    else this.halves.delete(channel);
    return half ? text.slice(0, -1) : text;
  }

  /** As much as one append may hold, however it is escaped and into however many pieces it is cut. */
  private take(): Piece[] {
    let room: number = limits.deltaCharactersMax;
    let whole = 0;
    while (whole < limits.deltasPerAppendMax) {
      const length = this.pieces[whole]?.text.length;
      if (length === undefined || length > room) break;
      room -= length;
      whole += 1;
    }
    const taken = this.pieces.splice(0, whole);
    const first = this.pieces[0];
    const end = first && whole < limits.deltasPerAppendMax ? wholePairs(first.text, room) : 0;
    if (first && end > 0) {
      taken.push({ ...first, text: first.text.slice(0, end) });
      this.pieces[0] = { ...first, text: first.text.slice(end) };
    }
    for (const { text } of taken) this.bytes -= bytesOf(text);
    this.waitingSince = this.clock.now();
    return taken;
  }
}

const bytesOf = (text: string): number => Buffer.byteLength(text, 'utf8');

/** Where to cut, so that no surrogate pair is cut in two. */
function wholePairs(text: string, at: number): number {
  return /[\uD800-\uDBFF]/.test(text[at - 1] ?? '') ? at - 1 : at;
}
