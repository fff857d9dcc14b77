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
    this.bytes += Buffer.byteLength(text, 'utf8');
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

  /** As much as one append may hold, however it is escaped. */
  private take(): Piece[] {
    const taken: Piece[] = [];
    let room: number = limits.deltaCharactersMax;
    while (room > 0 && this.pieces.length > 0) {
      const { channel, text } = this.pieces.shift() as Piece;
      if (text.length > room) {
        const end = wholePairs(text, room);
        if (end > 0) taken.push({ channel, text: text.slice(0, end) });
        this.pieces.unshift({ channel, text: text.slice(end) });
        break;
      }
      taken.push({ channel, text });
      room -= text.length;
    }
    this.bytes = this.pieces.reduce((sum, { text }) => sum + Buffer.byteLength(text, 'utf8'), 0);
    this.waitingSince = this.clock.now();
    return taken;
  }
}

/** Where to cut, so that no surrogate pair is cut in two. */
function wholePairs(text: string, at: number): number {
  return /[\uD800-\uDBFF]/.test(text[at - 1] ?? '') ? at - 1 : at;
}
