import { expect, it } from '@jest/globals';
import { nodeCrypto } from '../../../src/cli/node-crypto.js';
import type { BodyFormat } from '../../../src/formats/body-format.js';
import { openAiChat1 } from '../../../src/formats/openai-chat-1.js';
import type { EventText } from '../../../src/verifier/event-text.js';
import { Findings } from '../../../src/verifier/findings.js';
import { type MessageNode, madeBody, OTHER_BODY, PromptWork } from '../../../src/verifier/prompt-body.js';
import { TapeEvents } from '../../../src/verifier/tape.js';
import { ConversationTurns } from '../../../src/verifier/turns.js';
import { BagGround, mistakesIn, verified } from '../../support/bags.js';
import { appendAtEnd, newDelta } from '../../support/new-events.js';

type Data = Readonly<Record<string, unknown>>;

const idOf = (nth: number): string => `00000000-0000-4000-8000-${nth.toString(16).padStart(12, '0')}`;

/** The verdict on a conversation of these events. */
async function verdictOn(...events: readonly (readonly [type: string, data: Data])[]) {
  const ground = new BagGround();
  for (const [nth, [type, data]] of events.entries()) {
    const meta = JSON.stringify({ conversation: 'c1' });
    const event = { ...newDelta('x'), id: idOf(nth), type, schema: 2, data: JSON.stringify(data), meta };
    await appendAtEnd(ground.log, 'conversation-c1', [event]);
  }
  await ground.record();
  return verified(await ground.bag({ tenant: true }), { verifierKey: await ground.key() });
}

const message = (parent: string | null = null) =>
  ['MessageSent', { messageId: 'm', parent, role: 'user', parts: [{ type: 'text', text: 'Hi' }] }] as const;
const request = ['GenerationRequested', { generationId: 'g', messageId: 'm' }] as const;
const prompt = (data: Data) =>
  ['PromptAssembled', { generationId: 'g', format: 'openai-chat@1', assembler: 1, sha256: '', ...data }] as const;
const toSystem = { kind: 'text', event: idOf(0), pointer: 'data/system' };

it('a prompt that repeats a long text is rendered no further than its recorded length', async () => {
  const verdict = await verdictOn(
    ['ConversationStarted', { system: 'x'.repeat(1_000_000) }],
    message(),
    request,
    prompt({ bytes: 1024, parts: Array.from({ length: 2_000 }, () => toSystem) }),
  );
  expect(mistakesIn(verdict)).toEqual([
    'entry 3 (PromptAssembled, event 3 of conversation-c1): ' +
      'the bytes of the prompt, made again from the texts, have another hash or length',
  ]);
});

it.each([1e300, -1, null, 'many'])('a prompt of %s bytes is refused before it is rendered', async (bytes) => {
  const parts = Array.from({ length: 2_000 }, () => toSystem);
  const started = ['ConversationStarted', { system: 'x'.repeat(1024) }] as const;
  const verdict = await verdictOn(started, message(), request, prompt({ bytes, parts }));
  expect(mistakesIn(verdict)).toEqual([expect.stringMatching(/^entry 3 .*(longer than any|another hash or length)$/)]);
});

it('names and parts of other types than the format has are mistakes or remarks, and never an error', async () => {
  const odd = { toString: 1, valueOf: 1 };
  const { isIntact } = await verdictOn(
    ['ConversationStarted', { system: odd }],
    ['MessageSent', { messageId: odd, parent: odd, role: odd, parts: [odd, { type: 'text', text: odd }] }],
    message(),
    request,
    ['GenerationRequested', { generationId: odd, messageId: odd }],
    prompt({ format: odd, bytes: 3, parts: [] }),
    ...[
      odd,
      { kind: 'literal', text: odd },
      { kind: 'text', event: odd, pointer: odd },
      { kind: 'path', from: odd },
    ].map((part) => prompt({ bytes: 3, parts: [part] })),
    ['GenerationFinalized', { generationId: odd, attempt: odd, status: odd, blocks: odd, deltas: odd }],
  );
  expect(isIntact).toBe(false);
});

/** The mistakes of prompts that a bag of this many bytes may have. */
function mistakesOfPrompts(bagBytes: number, prompts: number): string[] {
  const findings = new Findings();
  const counts = { answers: 0, prompts: 0, hiddenPrompts: 0 };
  const turns = new ConversationTurns(nodeCrypto, findings, counts, new PromptWork(bagBytes));
  const say = ([type, data]: readonly [string, Data], nth: number) =>
    turns.event({ id: idOf(nth), type, schema: 2, data }, `prompt ${nth - 3}`);
  const same = prompt({ bytes: 10_000, parts: Array.from({ length: 10 }, () => toSystem), sha256: TEN_THOUSAND });
  [['ConversationStarted', { system: 'x'.repeat(1_000) }] as const, message(), request].forEach(say);
  for (let nth = 0; nth < prompts; nth++) say(same, nth + 3);
  return findings.mistakes.map(({ place, why }) => `${place}: ${why}`);
}

const TEN_THOUSAND = Buffer.from(nodeCrypto.sha256(Buffer.from('x'.repeat(10_000)))).toString('hex');

it('the prompts of a bag may cost as much work as its size allows', () => {
  expect(mistakesOfPrompts(1_000, 90)).toEqual([]);
  expect(mistakesOfPrompts(100, 11)).toEqual([
    'prompt 10: the prompts need more work than those of any bag of this size',
  ]);
});

it('a tape with more text than a conversation can have is joined no further', () => {
  const findings = new Findings();
  const piece = (text: string, rev: number) =>
    ({ type: 'DeltaReceived', rev, leaf: '', data: { attempt: 1, channel: 'content', text } }) as unknown as EventText;
  const tape = new TapeEvents(nodeCrypto, 6);
  for (const [rev, text] of ['One', 'Two', 'Three'].entries()) tape.add(piece(text, rev), piece(text, rev).data);
  expect(tape.summary()).toEqual({ attempt: 1, deltas: 3, content: 'OneTwo', isCut: true });
  const counts = { answers: 0, prompts: 0, hiddenPrompts: 0 };
  const turns = new ConversationTurns(nodeCrypto, findings, counts, new PromptWork(1));
  turns.tape('g', tape.summary(), 'the tape');
  expect(findings.mistakes).toContainEqual({
    place: 'the tape',
    why: 'its tape has more text than a conversation can have',
  });
});

it('a path is read no further than the recorded length of its prompt', () => {
  const nodes = new Map<string, MessageNode>();
  for (let nth = 0; nth < 100; nth++) {
    const parent = nth === 0 ? null : `m${nth - 1}`;
    nodes.set(`m${nth}`, { kind: 'message', parent, role: 'user', text: 'x'.repeat(100) });
  }
  let characters = 0;
  const format: BodyFormat = {
    ...openAiChat1,
    render(parts, texts) {
      for (const part of parts) {
        if (part.kind !== 'path') continue;
        for (const { text } of texts.messages(part.from, part.to)) characters += text.length;
      }
      return 'x'.repeat(characters);
    },
  };
  const made = (bytesMax: number) => {
    characters = 0;
    const parts = { sources: { nodes, texts: new Map() }, work: new PromptWork(1_000), crypto: nodeCrypto };
    return madeBody(format, [{ kind: 'path', from: 'm0', to: 'm99' }], bytesMax, parts);
  };
  expect([made(10_000), characters]).toEqual([{ sha256: TEN_THOUSAND, bytes: 10_000 }, 10_000]);
  expect([made(250), characters]).toEqual([OTHER_BODY, 0]);
});
