import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { type Chat, CONVERSATIONS, startChat, type Turn } from '../support/chat.js';
import { wholeStream } from '../support/new-events.js';

const TRACE = 'ab'.repeat(16);
const traceparent = `00-${TRACE}-${'cd'.repeat(8)}-01`;

let chat: Chat;
beforeEach(async () => {
  chat = await startChat();
});
afterEach(() => chat.close());

/** What each event of a stream says of its trace. */
const tracesOf = async (stream: string) => {
  const events = await wholeStream(chat.engines.log, stream);
  return events.map(({ type, meta }) => {
    const { correlationId, traceparent: parent = null } = JSON.parse(meta);
    return [type, correlationId, parent];
  });
};
const turnOf = async (headers: Record<string, string>) => {
  const id = await chat.started();
  const { json } = await chat.post(`${CONVERSATIONS}/${id}/messages`, { content: 'Hi' }, { headers });
  const { generationId } = json as Turn;
  await chat.ended(id, generationId);
  return {
    ledger: (await tracesOf(`conversation-${id}`)).slice(1),
    tape: await tracesOf(`generation-${generationId}`),
  };
};

describe('the trace of a turn', () => {
  it('stands with everything that was done for it; who called whom, with what the request itself brought', async () => {
    const { ledger, tape } = await turnOf({ traceparent });
    expect(ledger).toEqual([
      ['MessageSent', TRACE, traceparent],
      ['GenerationRequested', TRACE, traceparent],
      ['PromptAssembled', TRACE, traceparent],
      ['GenerationFinalized', TRACE, null],
    ]);
    expect(tape.map(([type]) => type)).toEqual(expect.arrayContaining(['GenerationClaimed', 'AttemptEnded']));
    expect(tape.map(([, trace, parent]) => [trace, parent])).toEqual(tape.map(() => [TRACE, null]));
  });

  it('is one of its own when what came was no traceparent, which is stored nowhere', async () => {
    const { ledger, tape } = await turnOf({ traceparent: `${traceparent}-secret` });
    const traces = [...ledger, ...tape];
    expect(new Set(traces.map(([, trace]) => trace)).size).toBe(1);
    expect(traces[0]?.[1]).toMatch(/^[0-9a-f]{32}$/);
    expect(JSON.stringify(traces)).not.toMatch(/secret|abab/);
  });
});
