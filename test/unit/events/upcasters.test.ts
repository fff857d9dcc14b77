import { describe, expect, it } from '@jest/globals';
import { type Static, type TSchema, Type } from '@sinclair/typebox';
import fc from 'fast-check';
import { literals, nullable } from '../../../src/events/envelope.js';
import { finishReasonOf, usageOf } from '../../../src/formats/openai-chat-1.js';
import { someMetadata, typedEvents } from '../../support/new-events.js';
import { anyText, valuesOf } from './arbitrary-events.js';

async function decoded(type: string, schema: number, data: unknown): Promise<unknown> {
  const envelope = { id: 'e1', type, schema, tenant: 'acme', at: '2026-01-12T09:30:00.000Z' };
  const texts = { data: JSON.stringify(data), meta: JSON.stringify(someMetadata) };
  const [event] = await typedEvents([{ ...envelope, ...texts, stream: 's', revision: 0 }]);
  return event?.data;
}

const count = Type.Integer({ minimum: 0 });
const text = Type.String();
const failure = Type.Object({ kind: text, message: text, providerStatus: Type.Optional(Type.Integer()) });

const choices = {
  provider: Type.Optional(nullable(text)),
  model: Type.Optional(nullable(text)),
  params: Type.Optional(nullable(Type.Record(text, Type.Unknown()))),
  tokenBudget: Type.Optional(nullable(count)),
  whenBusy: Type.Optional(nullable(literals('reject', 'enqueue', 'interrupt'))),
};

/** The released shapes of version 1, as they were. They never change. */
const first = {
  ConversationStarted: Type.Object({ title: nullable(text), system: nullable(text), ...choices }),
  MessageSent: Type.Object({
    messageId: text,
    parent: nullable(text),
    role: literals('user', 'assistant'),
    origin: literals('person', 'client'),
    kind: literals('message', 'note'),
    parts: Type.Array(Type.Object({ type: Type.Literal('text'), text }), { minItems: 1 }),
    revises: Type.Optional(text),
  }),
  GenerationClaimed: Type.Object({ attempt: Type.Integer({ minimum: 1 }), worker: text }),
  GenerationCancelRequested: Type.Object({ generationId: text }),
  GenerationRequested: Type.Object({
    generationId: text,
    messageId: text,
    regenerates: Type.Optional(text),
    options: Type.Object(choices),
    turn: Type.Optional(literals('next', 'last')),
  }),
  ApiKeyIssued: Type.Object({
    keyId: text,
    user: text,
    role: literals('member', 'auditor', 'admin'),
    name: text,
    secretSha256: text,
  }),
  ApiKeyRevoked: Type.Object({ keyId: text }),
  PromptAssembled: Type.Object({
    generationId: text,
    messageId: text,
    provider: text,
    model: text,
    params: Type.Record(text, Type.Unknown()),
    parts: Type.Array(
      Type.Union([
        Type.Object({ kind: Type.Literal('literal'), text }),
        Type.Object({ kind: Type.Literal('text'), event: text, field: Type.Literal('system') }),
        Type.Object({ kind: Type.Literal('path'), from: text, to: text }),
      ]),
      { minItems: 1 },
    ),
    sha256: text,
    bytes: count,
    tokens: Type.Object({
      prompt: count,
      budget: count,
      reserved: count,
      limit: count,
      estimated: Type.Boolean(),
      encoding: text,
    }),
    trimmed: Type.Array(Type.Object({ from: text, to: text, count, reason: text })),
    assembler: Type.Literal(1),
  }),
  AttemptEnded: Type.Object({
    attempt: Type.Integer({ minimum: 1 }),
    outcome: literals('completed', 'cancelled', 'failed'),
    finishReason: nullable(text),
    modelServed: nullable(text),
    usage: nullable(Type.Record(text, Type.Unknown())),
    droppedDeltas: count,
    error: nullable(failure),
    retryAt: Type.Optional(text),
  }),
  GenerationFinalized: Type.Object({
    generationId: text,
    status: literals('final', 'cancelled', 'error'),
    finishReason: nullable(text),
    text,
    textSha256: text,
    deltas: count,
    attempt: nullable(Type.Integer({ minimum: 1 })),
    modelServed: nullable(text),
    usage: nullable(Type.Record(text, Type.Unknown())),
    cost: nullable(Type.Object({ amount: text, currency: text, priceList: text })),
    timings: Type.Object({
      queuedAt: text,
      claimedAt: nullable(text),
      firstTextAt: nullable(text),
      lastTextAt: nullable(text),
    }),
    error: nullable(failure),
  }),
} satisfies Record<string, TSchema>;

const anyCount = fc.oneof(fc.nat(), fc.constantFrom(-1, 1.5, '3', null));
/** What providers report: most of it is understood, some is not. */
const anyUsage = fc.option(
  fc.record(
    {
      prompt_tokens: anyCount,
      completion_tokens: anyCount,
      total_tokens: anyCount,
      prompt_tokens_details: fc.option(fc.record({ cached_tokens: anyCount })),
      completion_tokens_details: fc.option(fc.record({ reasoning_tokens: anyCount })),
      vendor: fc.jsonValue(),
    },
    { requiredKeys: [] },
  ),
);
const anyReason = fc.option(fc.oneof(fc.constantFrom('stop', 'function_call'), anyText));

/** Data of version 1, with usage and reasons as providers gave them. */
const dataOf = (type: 'AttemptEnded' | 'GenerationFinalized') =>
  fc
    .tuple(valuesOf(first[type]) as fc.Arbitrary<Record<string, unknown>>, anyUsage, anyReason)
    .map(
      ([data, usage, finishReason]) =>
        JSON.parse(JSON.stringify({ ...data, usage, finishReason })) as Record<string, unknown>,
    );

interface Reported {
  readonly finishReason: string | null;
  readonly usage: Record<string, unknown> | null;
}

describe('an event of version 1', () => {
  it.each([
    ['ConversationStarted', { purpose: 'chat' }],
    ['MessageSent', {}],
    ['GenerationRequested', {}],
    ['GenerationCancelRequested', { reason: null }],
    ['GenerationClaimed', { provider: null, model: null }],
    ['ApiKeyIssued', {}],
    ['ApiKeyRevoked', {}],
  ] as const)('%s says as version 2 what it said, and besides %j', async (type, added) => {
    await fc.assert(
      fc.asyncProperty(valuesOf(first[type]), async (drawn) => {
        const data = JSON.parse(JSON.stringify(drawn));
        expect(await decoded(type, 1, data)).toStrictEqual({ ...data, ...added });
      }),
    );
  });

  it('PromptAssembled says as version 2 what it said, with the format and the address that it implied', async () => {
    const drawn = valuesOf(first.PromptAssembled) as fc.Arbitrary<Static<typeof first.PromptAssembled>>;
    await fc.assert(
      fc.asyncProperty(drawn, async (data) => {
        const { parts, ...same } = JSON.parse(JSON.stringify(data)) as typeof data;
        const pointed = parts.map((part) =>
          part.kind === 'text' ? { kind: 'text', event: part.event, pointer: 'data/system' } : part,
        );
        expect(await decoded('PromptAssembled', 1, data)).toStrictEqual({
          ...same,
          attempt: 1,
          format: 'openai-chat@1',
          request: { path: '/chat/completions' },
          parts: pointed,
        });
      }),
    );
  });

  it('AttemptEnded says as version 2 what it said, its usage normalised and as it was reported', async () => {
    await fc.assert(
      fc.asyncProperty(dataOf('AttemptEnded'), async (data) => {
        const { finishReason, usage } = data as unknown as Reported;
        const reason = finishReason && finishReasonOf(finishReason);
        const { error, ...same } = data;
        expect(await decoded('AttemptEnded', 1, data)).toStrictEqual({
          ...same,
          finishReason: reason,
          ...(reason !== finishReason && { providerFinishReason: finishReason }),
          usage: usageOf(usage),
          usageRaw: usage,
          response: {},
          ...(error !== null && { error }),
        });
      }),
    );
  });

  it('GenerationFinalized says as version 2 what it said, its usage normalised', async () => {
    await fc.assert(
      fc.asyncProperty(dataOf('GenerationFinalized'), async (data) => {
        const { finishReason, usage } = data as unknown as Reported;
        const { error, text: answer, ...same } = data;
        expect(await decoded('GenerationFinalized', 1, data)).toStrictEqual({
          ...same,
          blocks: answer === '' ? [] : [{ kind: 'text', text: answer }],
          finishReason: finishReason && finishReasonOf(finishReason),
          attempts: data.attempt ?? 0,
          usage: usageOf(usage),
          ...(error !== null && { error }),
        });
      }),
    );
  });
});
