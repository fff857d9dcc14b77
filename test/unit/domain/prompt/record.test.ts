import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { type PathEntry, type RecordedBody, renderPrompt } from '../../../../src/domain/prompt/assembler.js';
import { newEvent, someMetadata } from '../../../support/new-events.js';
import { assembled, history, reply, system, user } from './drafts.js';

const sha256 = (text: string) => createHash('sha256').update(text, 'utf8').digest('hex');

/** What an append of this prompt would hold. */
function encodedBytes(path: readonly PathEntry[], tokenBudget: number | null = null): number {
  const { prompt } = assembled({ system: system('Be brief.'), path, params: { temperature: 0.2 }, tokenBudget });
  const encoded = newEvent(
    { type: 'PromptAssembled', data: { generationId: 'g', messageId: 'new', attempt: 1, ...prompt } },
    { id: 'e', tenant: 'acme', at: '2026-01-02T03:04:05.678Z', meta: someMetadata },
  );
  return Buffer.byteLength(encoded.data) + Buffer.byteLength(encoded.meta);
}

/** Only the digits of the counts may grow. */
const DIGITS = 12;
const turns = [5, 50, 500, 5_000];

describe('what a turn costs the log', () => {
  it.each(turns)('is the same at turn %i as at turn 5', (turn) => {
    expect(Math.abs(encodedBytes(history(turn)) - encodedBytes(history(5)))).toBeLessThanOrEqual(DIGITS);
  });

  it.each(turns)('is the same at turn %i when all but three turns are trimmed', (turn) => {
    const cost = (path: PathEntry[]) => encodedBytes(path, 100);
    expect(Math.abs(cost(history(turn)) - cost(history(5)))).toBeLessThanOrEqual(DIGITS);
  });

  it.each(turns)('is the same at turn %i when every other answer failed and every third was empty', (turn) => {
    const failing = (count: number) =>
      history(count).map((entry, nth) => {
        if (entry.role === 'user') return entry;
        return reply(entry.id, nth % 3 === 0 ? '' : entry.text, nth % 4 === 1 ? 'error' : 'final');
      });
    expect(Math.abs(encodedBytes(failing(turn)) - encodedBytes(failing(5)))).toBeLessThanOrEqual(DIGITS);
  });

  it('does not depend on how long its texts are', () => {
    const wordy = history(50, (id) => id.repeat(1_000));
    expect(encodedBytes(wordy) - encodedBytes(history(50))).toBeLessThanOrEqual(DIGITS);
  });
});

describe('assembler 1', () => {
  /** Written down once and never changed: a prompt that was recorded must give these bytes for ever. */
  const recorded: RecordedBody = {
    assembler: 1,
    format: 'openai-chat@1',
    parts: [
      { kind: 'literal', text: '{"model":"m","messages":[{"role":"system","content":"' },
      { kind: 'text', event: 'e1', pointer: 'data/system' },
      { kind: 'literal', text: '"},' },
      { kind: 'path', from: 'u1', to: 'u4' },
      { kind: 'literal', text: '],"stream":true}' },
    ],
  };
  const texts = {
    text: ({ event, pointer }: { event: string; pointer: string }) => `${event}/${pointer} \0\ud83d"\\\u2028é😀`,
    path: (from: string, to: string): PathEntry[] => [
      user(from, 'one\n'),
      reply('a1', 'two', 'final'),
      reply('a2', 'half', 'cancelled'),
      reply('a3', '', 'cancelled'),
      reply('a4', 'lost', 'error'),
      { id: 'a5', role: 'assistant', text: '' },
      user(to, 'three'),
    ],
  };
  const body =
    '{"model":"m","messages":[{"role":"system","content":"e1/data/system \\u0000\\ud83d\\"\\\\\u2028é😀"},' +
    '{"role":"user","content":"one\\n"},{"role":"assistant","content":"two"},{"role":"assistant","content":"half"},' +
    '{"role":"assistant","content":""},{"role":"user","content":"three"}],"stream":true}';

  it('gives exactly the bytes that it always gave', () => {
    expect(renderPrompt(recorded, texts)).toBe(body);
  });

  it('is distinguished from a version that is not known yet', () => {
    expect(() => renderPrompt({ ...recorded, assembler: 2 }, texts)).toThrow(/assembler 2 is not known here/);
    const unknown = { ...recorded, format: 'openai-chat@2' };
    expect(() => renderPrompt(unknown, texts)).toThrow(/the format openai-chat@2 is not known here/);
  });

  it.each([1, 2])('gives the body of the golden prompt of version %i, by its recorded hash', (version) => {
    const golden = (name: string) =>
      JSON.parse(readFileSync(join(import.meta.dirname, '../../../golden', name), 'utf8'));
    const [started, sent, { data }] = [
      'ConversationStarted.v1.json',
      'MessageSent.v1.json',
      version === 1 ? 'lifted/PromptAssembled.v1.json' : `PromptAssembled.v${version}.json`,
    ].map(golden);
    const rendered = renderPrompt(data, {
      text: ({ event, pointer }) => (event === started.id && pointer === 'data/system' ? started.data.system : ''),
      path: (from, to) => {
        expect([from, to]).toEqual([sent.data.messageId, sent.data.messageId]);
        return [user(from, sent.data.parts[0].text)];
      },
    });
    expect(sha256(rendered)).toBe(data.sha256);
    expect(Buffer.byteLength(rendered)).toBe(data.bytes);
  });
});
