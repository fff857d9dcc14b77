import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { EventDecoder } from '../../../src/adapters/openai/event-stream.js';
import { limits } from '../../../src/limits.js';
import { anyCharacter } from '../../support/any-character.js';

async function dataOf(pieces: readonly Uint8Array[]): Promise<string[]> {
  const decoder = new EventDecoder();
  const events: string[] = [];
  for (const piece of pieces) decoder.decode(Buffer.from(piece), (data) => events.push(data));
  return events;
}

const byteByByte = (text: string) => [...Buffer.from(text)].map((byte) => Uint8Array.of(byte));

describe('the events of a stream', () => {
  it.each<[string, string, string[]]>([
    ['the three line ends', 'data: a\n\ndata: b\r\rdata: c\r\n\r\n', ['a', 'b', 'c']],
    ['one space after the colon, or none', 'data:a\n\ndata:  b\n\n', ['a', ' b']],
    ['several lines of data', 'data: a\ndata\ndata:\ndata: b\n\n', ['a\n\n\nb']],
    ['comments and other fields', ': hm\nevent: x\ndata: a\nid: 1\nretry: 2\ndatum: b\n\n:\n\n', ['a']],
    ['empty lines', '\n\r\n\rdata: a\n\n\n\n', ['a']],
    ['a byte order mark at the beginning alone', '\uFEFFdata: \uFEFFa\n\n\uFEFFdata: b\n\n', ['\uFEFFa']],
    ['no event that was not ended', 'data: a\n\ndata: b\n', ['a']],
  ])('have %s', async (_, stream, expected) => {
    expect(await dataOf([Buffer.from(stream)])).toEqual(expected);
    expect(await dataOf(byteByByte(stream))).toEqual(expected);
  });

  it('do not depend on where the bytes are cut', async () => {
    const line = fc.string({ unit: anyCharacter }).map((text) => text.replaceAll(/[\r\n]/g, ''));
    const events = fc.array(
      fc.record({ lines: fc.array(line, { minLength: 1, maxLength: 3 }), end: fc.constantFrom('\n', '\r', '\r\n') }),
    );
    await fc.assert(
      fc.asyncProperty(events, fc.array(fc.nat()), async (events, cuts) => {
        const stream = events.map(
          ({ lines, end }) => `: comment${end}${lines.map((text) => `data: ${text}${end}`).join('')}${end}`,
        );
        const bytes = Buffer.from(stream.join(''));
        const at = cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b);
        const pieces = [...at, bytes.length].map((end, nth) => bytes.subarray(at[nth - 1] ?? 0, end));
        expect(await dataOf(pieces)).toEqual(events.map(({ lines }) => lines.join('\n')));
      }),
      { numRuns: 1_000 },
    );
  });

  it('are not too large just because there are many, nor for their comments', async () => {
    const comments = Buffer.from(`: ${'x'.repeat(1_000_000)}\n`);
    const event = Buffer.from(`data: ${'x'.repeat(1_000_000)}\n\n`);
    const pieces = Array.from({ length: 10 }, () => [comments, event]).flat();
    expect(await dataOf(pieces)).toHaveLength(10);
  });

  it.each([
    ['a line of data', 'data: x'],
    ['a comment', ': x'],
    ['lines of data', 'data: x\ndata: x'],
  ])('may not be %s without an end', async (_, start) => {
    const pieces = [start, 'x'.repeat(limits.providerEventBytesMax)].map((text) => Buffer.from(text));
    await expect(dataOf(pieces)).rejects.toMatchObject({ kind: 'provider_error', details: { retryable: false } });
  });
});
