import { expect, it } from '@jest/globals';
import type { NewEvent } from '../../../src/events/envelope.js';
import { BagGround, mistakesIn, turn, verified } from '../../support/bags.js';
import { sha256 } from '../../support/chat-log.js';
import { MemoryEventLog } from '../../support/memory/memory-event-log.js';
import { wholeStream } from '../../support/new-events.js';

type Data = Record<string, unknown>;

/** How the first versions of the types had it. */
const FIRST: Readonly<Record<string, (data: Data) => Data>> = {
  PromptAssembled: ({ format: _, request: __, attempt: ___, parts, ...data }) => ({
    ...data,
    parts: (parts as Data[]).map(({ pointer, ...part }) =>
      pointer === undefined ? part : { ...part, field: `${pointer}`.replace('data/', '') },
    ),
  }),
  GenerationFinalized: ({ blocks, attempts: _, ...data }) => ({
    ...data,
    text: (blocks as Data[]).map(({ text }) => text).join(''),
    error: null,
  }),
  DeltaReceived: ({ block: _, ...data }) => data,
  GenerationClaimed: ({ provider: _, model: __, ...data }) => data,
  AttemptEnded: ({ usageRaw, response: _, usage: __, ...data }) => ({ ...data, usage: usageRaw, error: null }),
};

/** A log as release 0.1 wrote it. */
class FirstVersionsLog extends MemoryEventLog {
  override async append(...[stream, expected, events, options]: Parameters<MemoryEventLog['append']>) {
    const first = events.map((event): NewEvent => {
      const lowered = FIRST[event.type]?.(JSON.parse(event.data));
      return { ...event, schema: 1, data: lowered ? JSON.stringify(lowered) : event.data };
    });
    return super.append(stream, expected, first, options);
  }
}

const BODY =
  '{"messages":[{"role":"system","content":"Be \\"brief\\""},{"role":"user","content":"text a"},' +
  '{"role":"assistant","content":"One two"},{"role":"user","content":"text b"}]}';

it('a bag of events in their first versions is intact, and its prompts are made again', async () => {
  const ground = new BagGround(new FirstVersionsLog());
  const chat = await ground.chat('c1').started('Title', 'Be "brief"');
  const answer = await turn(chat, 'a', ['One', ' two']);
  await chat.sent('mb', 'text b', { parent: answer });
  await chat.requested('gb', 'mb');
  const [started] = await wholeStream(ground.log, 'conversation-c1');
  await chat.ledger({
    type: 'PromptAssembled',
    data: {
      ...{ generationId: 'gb', messageId: 'mb', attempt: 1, provider: 'demo', model: 'demo', params: {} },
      ...{ format: 'openai-chat@1', request: { path: '/chat/completions' }, trimmed: [], assembler: 1 },
      parts: [
        { kind: 'literal', text: '{"messages":[{"role":"system","content":"' },
        { kind: 'text', event: started?.id as string, pointer: 'data/system' },
        { kind: 'literal', text: '"},' },
        { kind: 'path', from: 'ma', to: 'mb' },
        { kind: 'literal', text: ']}' },
      ],
      sha256: sha256(BODY),
      bytes: Buffer.byteLength(BODY),
      tokens: { prompt: 3, budget: 10, reserved: 1, limit: 11, estimated: true, encoding: 'o200k_base' },
    },
  });
  await ground.record();
  expect(started?.schema).toBe(1);
  const verdict = await verified(await ground.bag({ tenant: true }));
  expect(mistakesIn(verdict)).toEqual([]);
  expect(verdict.facts?.texts).toMatchObject({ answers: 1, prompts: 2 });
});
