import type { ReadChannel } from '../domain/generation.js';
import { limits } from '../limits.js';

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
