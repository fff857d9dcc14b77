import type { Channel } from '../domain/generation.js';
import { limits } from '../limits.js';

/** Measures an answer as it comes, and cuts it where it becomes longer than anything that is kept. */
export class AnswerCaps {
  private readonly bytes: Record<Channel, number> = { content: 0, reasoning: 0 };
  private escapedBytes = 0;
  private pieces = 0;

  /** What of a text still fits. Less than all of it means that the answer is too long. */
  fitting(channel: Channel, text: string): string {
    this.pieces += 1;
    // A provider sends at least one token at a time.
    if (this.pieces > limits.answerTokensMax) return '';
    const bytes = Buffer.byteLength(text, 'utf8');
    const escaped = Buffer.byteLength(JSON.stringify(text), 'utf8');
    const fits =
      this.bytes[channel] + bytes <= limits.answerBytesMax &&
      this.escapedBytes + escaped <= limits.answerEscapedBytesMax;
    if (!fits) return this.cut(channel, text);
    this.bytes[channel] += bytes;
    if (channel === 'content') this.escapedBytes += escaped;
    return text;
  }

  private cut(channel: Channel, text: string): string {
    const free = Math.min(
      limits.answerBytesMax - this.bytes[channel],
      // However a character is escaped, it takes no more than this.
      Math.floor((limits.answerEscapedBytesMax - this.escapedBytes) / ESCAPED_BYTES_OF_A_BYTE_MAX),
    );
    const bytes = Buffer.from(text, 'utf8').subarray(0, Math.max(0, free));
    return new TextDecoder('utf-8').decode(bytes, { stream: true });
  }
}

/** A control character, written as \u0001. */
const ESCAPED_BYTES_OF_A_BYTE_MAX = 6;
