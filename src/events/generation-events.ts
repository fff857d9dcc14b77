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
      /** The called model. Version 1 did not record it; the prompt has it. */
      provider: nullable(Type.String()),
      model: nullable(Type.String()),
    }),
  },
  /** A piece of an answer. Pieces of one block are consecutive, except those of parallel tool calls. */
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
      /** The report of the provider, field by field. */
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
