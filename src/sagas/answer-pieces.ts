import type { ReadChannel, Received, RecordedChannel } from '../domain/generation.js';
import { limits } from '../limits.js';
import type { FlushClock } from './flush-clock.js';

/** Measures an answer as it comes, and cuts it at the size limits. */
export class AnswerCaps {
  private readonly bytes = { content: 0, reasoning: 0 };
  private sideBytes = 0;
  /** Bytes of the content, which the end of the generation repeats. It does not repeat reasoning. */
  private escapedBytes = 0;
  private pieces = 0;

  /** The part of a text that fits. If a part does not fit, the answer is too long and ends. */
  fitting(channel: ReadChannel, text: string): string {
    this.pieces += 1;
    // Each piece has at least one token.
    if (this.pieces > limits.answerTokensMax) return '';
    const fits = bytesOf(text) <= this.free(channel) && (channel === 'reasoning' || escaped(text) <= this.freeEscaped);
    const kept = fits ? text : this.cut(channel, text);
    this.bytes[channel] += bytesOf(kept);
    if (channel === 'content') this.escapedBytes += escaped(kept);
    return kept;
  }

  /**
   * True if a piece of a tool call, of a refusal, or of an unknown field fits. The caller drops and counts a piece that does
   * not fit: it does not end the answer, because no client shows it.
   */
  hasRoomFor(piece: { readonly text: string; readonly tool?: object }): boolean {
    const { text, tool } = piece;
    const bytes = bytesOf(text) + (tool ? bytesOf(JSON.stringify(tool)) : 0) + limits.sidePieceOverheadBytes;
    if (this.sideBytes + bytes > limits.sideBytesMax) return false;
    this.sideBytes += bytes;
    return true;
  }

  private free(channel: ReadChannel): number {
    return limits.answerBytesMax - this.bytes[channel];
  }

  private get freeEscaped(): number {
    return limits.answerEscapedBytesMax - this.escapedBytes;
  }

  private cut(channel: ReadChannel, text: string): string {
    // The most that an escaped character takes.
    const freeAtWorst = Math.floor(this.freeEscaped / ESCAPED_BYTES_OF_A_BYTE_MAX);
    const plain = channel === 'reasoning' || escaped(text) <= this.freeEscaped;
    const end = plain ? this.free(channel) : Math.min(this.free(channel), freeAtWorst);
    // A streaming decoder leaves out a character that is cut in two.
    return new TextDecoder('utf-8').decode(Buffer.from(text, 'utf8').subarray(0, end), { stream: true });
  }
}

/** JSON writes a control character of one byte as \\u0001. */
const ESCAPED_BYTES_OF_A_BYTE_MAX = 6;

const bytesOf = (text: string): number => Buffer.byteLength(text, 'utf8');
/** Bytes of the JSON string without its quotes. */
const escaped = (text: string): number => bytesOf(JSON.stringify(text)) - 2;

/**
 * Numbers the blocks of an answer as its pieces come. A block is text of one channel, up to the next text of another
 * channel; each tool call is a block. Unknown fields belong to the block in which they came.
 */
export class BlockNumbers {
  private count = 0;
  private current: { readonly channel: RecordedChannel; readonly block: number } | undefined;
  private readonly calls = new Map<number, number>();

  of(channel: RecordedChannel, call = 0): number {
    if (channel === 'other') return this.current?.block ?? 0;
    if (channel === 'tool') return this.ofCall(call);
    return this.current?.channel === channel ? this.current.block : this.next(channel);
  }

  private ofCall(call: number): number {
    const block = this.calls.get(call) ?? this.next('tool');
    this.calls.set(call, block);
    this.current = { channel: 'tool', block };
    return block;
  }

  private next(channel: RecordedChannel): number {
    const block = this.count;
    this.count += 1;
    this.current = { channel, block };
    return block;
  }
}

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
  private pieces: Received[] = [];
  /** Fields that Verbatim does not read. They do not split texts, and leave with the next text. */
  private unread: Received[] = [];
  /** Bytes of UTF-8 in all pieces. */
  private bytes = 0;
  private isFirst = true;
  private isTime = false;
  private ended = false;
  /** By block, the first half of a surrogate pair whose second half has not come. */
  private readonly halves = new Map<number, Received>();
  private wake = (): void => {};

  constructor(private readonly window: JoinWindow) {}

  add(brought: Received): void {
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
  async next(): Promise<{ readonly pieces: readonly Received[]; readonly isLast: boolean }> {
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

  private join(piece: Received): void {
    this.bytes += bytesOf(piece.text);
    const last = this.pieces.at(-1);
    if (last?.block !== piece.block || piece.tool) this.pieces.push(piece);
    else this.pieces[this.pieces.length - 1] = { ...last, text: last.text + piece.text };
  }

  private withoutHalf(piece: Received): Received {
    const { block, channel } = piece;
    const text = (this.halves.get(block)?.text ?? '') + piece.text;
    const half = /[\uD800-\uDBFF]$/.exec(text)?.[0];
    if (half) this.halves.set(block, { block, channel, text: half });
    else this.halves.delete(block);
    return { ...piece, text: half ? text.slice(0, -1) : text };
  }

  /** Takes as many pieces as fit one append, in escaped form. */
  private take(): Received[] {
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
  private takeUnread(): Received[] {
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

const toolCharacters = ({ tool }: Received): number => (tool ? JSON.stringify(tool).length : 0);

/** The index to cut at without splitting a surrogate pair. */
function wholePairs(text: string, at: number): number {
  return /[\uD800-\uDBFF]/.test(text[at - 1] ?? '') ? at - 1 : at;
}
