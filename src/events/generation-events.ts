import { Type } from '@sinclair/typebox';
import { type EventOf, literals, nullable, personalText } from './family.js';
import { Failure, RecordedUsage } from './outcome.js';

const attempt = Type.Integer({ minimum: 1 });

/** The tape of one generation, in `generation-<id>`: one writer at a time, fenced by the expected revision. */
export const generationEvents = {
  GenerationClaimed: {
    schema: 2,
    data: Type.Object({
      attempt,
      worker: Type.String(),
      /** Who is to be called. Version 1 did not say: then the prompt does. */
      provider: nullable(Type.String()),
      model: nullable(Type.String()),
    }),
  },
  /** A piece of an answer. Pieces of one block follow each other, but for those of tool calls that come side by side. */
  DeltaReceived: {
    schema: 2,
    data: Type.Object({
      attempt,
      seq: Type.Integer({ minimum: 0 }),
      block: Type.Integer({ minimum: 0 }),
      /** `withheld` is recorded and not shown. */
      channel: literals('content', 'reasoning', 'tool', 'refusal', 'other', 'withheld'),
      text: personalText(),
      tool: Type.Optional(
        Type.Object({
          id: Type.Optional(Type.String()),
          name: Type.Optional(Type.String()),
          type: Type.Optional(Type.String()),
        }),
      ),
    }),
  },
  /** Without `retryAt` it seals the tape: no event follows, and the end of the generation is a function of the tape. */
  AttemptEnded: {
    schema: 2,
    data: Type.Object({
      attempt,
      outcome: literals('completed', 'cancelled', 'failed'),
      finishReason: nullable(Type.String()),
      /** The provider's own name, where the normalised one differs. */
      providerFinishReason: Type.Optional(Type.String()),
      modelServed: nullable(Type.String()),
      usage: nullable(RecordedUsage),
      /** What the provider reported, field by field. */
      usageRaw: nullable(Type.Record(Type.String(), Type.Unknown(), { personal: true })),
      /** The provider's ids of the answer and of its request. */
      response: Type.Object({ id: Type.Optional(Type.String()), requestId: Type.Optional(Type.String()) }),
      droppedDeltas: Type.Integer({ minimum: 0 }),
      error: Type.Optional(Failure),
      retryAt: Type.Optional(Type.String()),
    }),
  },
} as const;

export type GenerationEvent = EventOf<typeof generationEvents>;
