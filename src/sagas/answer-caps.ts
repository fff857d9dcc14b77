import type { ReadChannel } from '../domain/generation.js';
import { limits } from '../limits.js';

/** Measures an answer as it comes, and cuts it where it becomes longer than anything that is kept. */
export class AnswerCaps {
  private readonly bytes = { content: 0, reasoning: 0 };
  private sideBytes = 0;
  /** Of the content alone: the end of an answer repeats it, and nothing repeats what was thought. */
  private escapedBytes = 0;
  private pieces = 0;

  /** What of a text still fits. Less than all of it means that the answer is too long, and over. */
  fitting(channel: ReadChannel, text: string): string {
    this.pieces += 1;
    // A provider sends at least one token at a time.
    if (this.pieces > limits.answerTokensMax) return '';
    const fits = bytesOf(text) <= this.free(channel) && (channel === 'reasoning' || escaped(text) <= this.freeEscaped);
    const kept = fits ? text : this.cut(channel, text);
    this.bytes[channel] += bytesOf(kept);
    if (channel === 'content') this.escapedBytes += escaped(kept);
    return kept;
  }

  /**
   * Whether a piece of a tool call, of a refusal, or of what nothing reads still fits. One that does not is left out and
   * counted: what no person waits for ends no answer.
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
    // However a character is escaped, it takes no more than this.
    const freeAtWorst = Math.floor(this.freeEscaped / ESCAPED_BYTES_OF_A_BYTE_MAX);
    const plain = channel === 'reasoning' || escaped(text) <= this.freeEscaped;
    const end = plain ? this.free(channel) : Math.min(this.free(channel), freeAtWorst);
    // A decoder in a stream leaves out the character that is cut in two.
    return new TextDecoder('utf-8').decode(Buffer.from(text, 'utf8').subarray(0, end), { stream: true });
  }
}

/** A control character, written as \\u0001. */
const ESCAPED_BYTES_OF_A_BYTE_MAX = 6;

const bytesOf = (text: string): number => Buffer.byteLength(text, 'utf8');
/** Between its quotes. */
const escaped = (text: string): number => bytesOf(JSON.stringify(text)) - 2;
