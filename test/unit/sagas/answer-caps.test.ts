import { describe, expect, it } from '@jest/globals';
import { limits } from '../../../src/limits.js';
import { AnswerCaps } from '../../../src/sagas/answer-pieces.js';

const bytes = (text: string) => Buffer.byteLength(text, 'utf8');

describe('the bounds of an answer', () => {
  it('accept a text that fits to the last byte', () => {
    const caps = new AnswerCaps();
    const whole = 'é'.repeat(limits.answerBytesMax / 2);
    expect(caps.fitting('content', whole) === whole).toBe(true);
    expect(caps.fitting('content', 'x')).toBe('');
  });

  it('count each channel separately', () => {
    const caps = new AnswerCaps();
    const whole = 'x'.repeat(limits.answerBytesMax);
    expect(caps.fitting('content', whole) === whole).toBe(true);
    expect(caps.fitting('reasoning', whole) === whole).toBe(true);
  });

  it('cut between characters', () => {
    const caps = new AnswerCaps();
    caps.fitting('content', 'x'.repeat(limits.answerBytesMax - 2));
    expect(caps.fitting('content', '€')).toBe('');
    const other = new AnswerCaps();
    other.fitting('content', 'x'.repeat(limits.answerBytesMax - 4));
    expect(other.fitting('content', '€€')).toBe('€');
  });

  it('cut a text that is too long in escaped form', () => {
    const caps = new AnswerCaps();
    const piece = '\u0001'.repeat(1_000);
    let kept = '';
    for (let fitting = piece; fitting === piece; ) {
      fitting = caps.fitting('content', piece);
      kept += fitting;
    }
    const quotes = 2;
    expect(bytes(JSON.stringify(kept))).toBeLessThanOrEqual(limits.answerEscapedBytesMax + quotes);
    expect(bytes(JSON.stringify(kept))).toBeGreaterThan(limits.answerEscapedBytesMax - bytes(piece) * 6);
  });

  it('end an endless stream of tiny pieces', () => {
    const caps = new AnswerCaps();
    for (let nth = 0; nth < limits.answerTokensMax; nth++) caps.fitting('content', 'x');
    expect(caps.fitting('content', 'x')).toBe('');
  });
});
