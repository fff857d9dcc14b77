import { afterEach, expect, it } from '@jest/globals';
import { limits } from '../../src/limits.js';
import type { ModelOutput } from '../../src/ports/language-model.js';
import { type Chat, startChat } from '../support/chat.js';
import { content, finished } from '../support/scripted-model.js';

let chat: Chat;
afterEach(() => chat.close());

const piece = (channel: 'tool' | 'refusal' | 'other', text: string, more = {}): ModelOutput => ({
  type: 'text',
  channel,
  text,
  ...more,
});

async function answered(outputs: readonly ModelOutput[]) {
  chat = await startChat({}, async function* () {
    for (const output of outputs) yield output;
  });
  chat.model.response = { id: 'chatcmpl-1', requestId: 'req_1' };
  const id = await chat.started();
  const { generationId } = await chat.done(id, { content: 'Hi' });
  const end = await chat.ended(id, generationId);
  const run = (await chat.call('GET', `/api/v1/runs/${generationId}`)).json;
  const deltas = (await chat.call('GET', `/api/v1/runs/${generationId}/deltas`)).json as {
    items: { channel: string; text: string; block: number; tool?: object }[];
  };
  return { end, run, deltas: deltas.items };
}

it('tool calls, refusals and unknown fields are recorded beside the answer, and shown with their channel', async () => {
  const tool = { id: 'call_1', name: 'weather', type: 'function' };
  const { end, run, deltas } = await answered([
    piece('other', '{"chunk":1}\n'),
    content('Let me '),
    piece('other', '{"delta":2}\n'),
    content('look.'),
    piece('tool', '', { call: 0, tool }),
    piece('tool', '{"a":', { call: 0 }),
    piece('tool', '1}', { call: 0 }),
    piece('refusal', 'No.'),
    finished(),
  ]);
  expect(end).toMatchObject({ status: 'final', text: 'Let me look.' });
  expect(run).toMatchObject({ responseId: 'chatcmpl-1', requestId: 'req_1', modelServed: 'scripted-1' });
  const joined = (channel: string) => deltas.flatMap((each) => (each.channel === channel ? [each.text] : [])).join('');
  expect(joined('content')).toBe('Let me look.');
  expect(joined('other')).toBe('{"chunk":1}\n{"delta":2}\n');
  expect(joined('tool')).toBe('{"a":1}');
  expect(joined('refusal')).toBe('No.');
  expect(deltas.filter((each) => each.tool)).toEqual([expect.objectContaining({ channel: 'tool', block: 1, tool })]);
  const blocksOf = (channel: string) =>
    new Set(deltas.flatMap((each) => (each.channel === channel ? [each.block] : [])));
  expect([blocksOf('content'), blocksOf('tool'), blocksOf('refusal')]).toEqual([
    new Set([0]),
    new Set([1]),
    new Set([2]),
  ]);
});

it('unknown fields beyond the limit are counted as dropped, and do not fail the answer', async () => {
  const large = 'x'.repeat(64 * 1024);
  const calls = Array.from({ length: 12 }, (_, call) => piece('tool', large, { call, tool: { id: large } }));
  const { end, run, deltas } = await answered([content('Hi'), ...calls, finished()]);
  expect(end).toMatchObject({ status: 'final', text: 'Hi' });
  const kept = deltas.filter(({ channel }) => channel === 'tool');
  const bytes = kept.reduce((sum, { text }) => sum + text.length, 0);
  expect(bytes).toBeLessThanOrEqual(limits.sideBytesMax);
  expect(bytes).toBeGreaterThan(limits.sideBytesMax / 2);
  const { id } = run as { id: string };
  const ended = (await chat.types(`generation-${id}`)).at(-1);
  expect(ended).toBe('AttemptEnded');
});

it('a failed attempt has the names of its request too', async () => {
  const { end, run } = await answered([content('Hi')]);
  expect(end).toMatchObject({ status: 'error', error: { kind: 'incomplete' } });
  expect(run).toMatchObject({ responseId: 'chatcmpl-1', requestId: 'req_1' });
});
