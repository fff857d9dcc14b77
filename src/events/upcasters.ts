import { finishReasonOf, usageOf } from '../formats/openai-chat-1.js';

/** Lifts the data of one version of a type to the next. */
type Upcast = (data: unknown) => unknown;

/** By type and the version it lifts from. */
export type Upcasters = Readonly<Record<string, Readonly<Record<number, Upcast>>>>;

export const upcasters = {
  GenerationClaimed: { 1: (data) => ({ ...(data as object), provider: null, model: null }) },
  // The first version had no blocks and two channels: reasoning came before content.
  DeltaReceived: {
    1: (data) => {
      const delta = data as { readonly channel: unknown };
      return { ...delta, block: delta.channel === 'reasoning' ? 0 : 1 };
    },
  },
  ConversationStarted: { 1: (data) => ({ ...(data as object), purpose: 'chat' }) },
  // The second versions have the fields of the first. A reader of them ignores the optional ones of a later release, where a
  // reader of the first version stops.
  MessageSent: { 1: (data) => data },
  GenerationRequested: { 1: (data) => data },
  ApiKeyIssued: { 1: (data) => data },
  ApiKeyRevoked: { 1: (data) => data },
  // The version of the assembler implied the format, and the format its path.
  PromptAssembled: {
    1: (data) => {
      const { parts, ...prompt } = data as { readonly parts: readonly FirstPart[] };
      return {
        ...prompt,
        attempt: 1,
        format: 'openai-chat@1',
        request: { path: '/chat/completions' },
        parts: parts.map(partOf),
      };
    },
  },
  GenerationCancelRequested: { 1: (data) => ({ ...(data as object), reason: null }) },
  AttemptEnded: {
    1: (data) => {
      const { finishReason, usage, error, ...end } = data as FirstEnd;
      return {
        ...end,
        ...reasonsOf(finishReason),
        usage: usageOf(usage),
        usageRaw: usage,
        response: {},
        ...errorOf(error),
      };
    },
  },
  GenerationFinalized: {
    1: (data) => {
      const { finishReason, text, usage, error, ...end } = data as FirstEnd & { readonly text: string };
      return {
        ...end,
        finishReason: reasonsOf(finishReason).finishReason,
        blocks: text === '' ? [] : [{ kind: 'text', text }],
        // Attempts were numbered from 1, and the last one gave the answer.
        attempts: end.attempt ?? 0,
        usage: usageOf(usage),
        ...errorOf(error),
      };
    },
  },
} satisfies Upcasters;

/** The first version named a field of an event's data. */
interface FirstPart {
  readonly kind: string;
  readonly field?: string;
}

const partOf = ({ field, ...part }: FirstPart): object =>
  part.kind === 'text' ? { ...part, pointer: `data/${field}` } : part;

/** The first version recorded the report of OpenAI's chat completions unchanged, and null for an absent error. */
interface FirstEnd {
  readonly attempt: number | null;
  readonly finishReason: string | null;
  readonly usage: Readonly<Record<string, unknown>> | null;
  readonly error: unknown;
}

function reasonsOf(reported: string | null): { finishReason: string | null; providerFinishReason?: string } {
  const finishReason = reported === null ? null : finishReasonOf(reported);
  return { finishReason, ...(reported !== null && reported !== finishReason && { providerFinishReason: reported }) };
}

const errorOf = (error: unknown): object => (error === null ? {} : { error });
