import { type TypeCheck, TypeCompiler } from '@sinclair/typebox/compiler';
import { finishReasonOf, usageOf } from '../formats/openai-chat-1.js';
import { catalogue, type DomainEvent } from './catalogue.js';
import { type Family, Metadata, type NewEvent, type RecordedEvent } from './envelope.js';

/** The envelope of an event without its data. */
export interface Wrapping {
  readonly id: string;
  readonly tenant: string;
  readonly at: string;
  readonly meta: Metadata;
}

/** An event of a type and version that this program knows, checked and readable. */
export type TypedEvent<E extends { type: string; data: unknown } = DomainEvent> = E extends unknown
  ? Omit<RecordedEvent, 'type' | 'data' | 'meta'> & {
      readonly type: E['type'];
      readonly data: E['data'];
      readonly meta: Metadata;
    }
  : never;

/** An event that is recorded but cannot be read: it names the event and the place, never the value. */
export class UndecodableEvent extends Error {
  readonly event: Pick<RecordedEvent, 'id' | 'stream' | 'revision' | 'type' | 'schema'>;

  constructor(
    { id, stream, revision, type, schema }: RecordedEvent,
    readonly problem: string,
  ) {
    super(`event ${revision} of ${stream} (${type} v${schema}, id ${id}): ${problem}`);
    // Loggers log the properties of an error, so the data must not be one of them.
    this.event = { id, stream, revision, type, schema };
  }
}

/** An event that must not be written: a mistake of this program, found before it can enter the log. */
export class UnencodableEvent extends Error {}

export interface Codec {
  encode(event: DomainEvent, wrapping: Wrapping): NewEvent;
  /**
   * The typed event. Undefined if this program does not know its type or version: a later version of the program
   * wrote it, and the reader decides whether that may be passed over. Throws UndecodableEvent on damage.
   */
  decode(event: RecordedEvent): TypedEvent | undefined;
}

export interface CodecParts {
  readonly family?: Family;
  readonly upcasters?: Upcasters;
}

interface Shape {
  readonly schema: number;
  readonly check: TypeCheck<Family[string]['data']>;
}

const metadataCheck = TypeCompiler.Compile(Metadata);

export function createCodec(parts: CodecParts = {}): Codec {
  const { family = catalogue } = parts;
  const lifts: Upcasters = parts.upcasters ?? upcasters;
  const shapes = compileShapes(family);

  return {
    encode(event, { id, tenant, at, meta }) {
      const shape = shapes.get(event.type);
      if (!shape) throw new UnencodableEvent(`${event.type} is not an event type`);
      const problem = firstProblem(shape.check, event.data) ?? firstProblem(metadataCheck, meta);
      if (problem) throw new UnencodableEvent(`${event.type}: ${problem}`);
      return {
        id,
        type: event.type,
        schema: shape.schema,
        tenant,
        at,
        data: JSON.stringify(event.data),
        meta: JSON.stringify(meta),
      };
    },

    decode(event) {
      const shape = shapes.get(event.type);
      if (!shape || event.schema > shape.schema) return undefined;
      const data = upcast(event, parse(event, 'data'), shape.schema, lifts);
      const meta = parse(event, 'meta');
      const problem = firstProblem(shape.check, data);
      if (problem) throw new UndecodableEvent(event, `data${problem}`);
      const metaProblem = firstProblem(metadataCheck, meta);
      if (metaProblem) throw new UndecodableEvent(event, `meta${metaProblem}`);
      return typedEvent(event, shape.schema, data, meta as Metadata);
    },
  };
}

/** Field by field: every event that is read passes here, and a spread of it costs several times as much. */
function typedEvent(event: RecordedEvent, schema: number, data: unknown, meta: Metadata): TypedEvent {
  const { id, type, tenant, at, stream, revision, position } = event;
  return { id, type, schema, tenant, at, data, meta, stream, revision, position } as TypedEvent;
}

function compileShapes(family: Family): Map<string, Shape> {
  const compile = ({ schema, data }: Family[string]): Shape => ({
    schema,
    check: TypeCompiler.Compile(data),
  });
  return new Map(Object.entries(family).map(([type, shape]) => [type, compile(shape)]));
}

function parse(event: RecordedEvent, part: 'data' | 'meta'): unknown {
  try {
    return JSON.parse(event[part]);
  } catch {
    // The parser's own message quotes the text it failed on, and that may be a person's.
    throw new UndecodableEvent(event, `${part} is not JSON`);
  }
}

function upcast(event: RecordedEvent, data: unknown, to: number, upcasters: Upcasters): unknown {
  let lifted = data;
  for (let version = event.schema; version < to; version++) {
    const lift = upcasters[event.type]?.[version];
    if (!lift) throw new UndecodableEvent(event, `no upcaster from version ${version}`);
    try {
      lifted = lift(lifted);
    } catch {
      // Damaged data of an old version surfaces here first; the thrown message may quote it.
      throw new UndecodableEvent(event, `data does not fit version ${version}`);
    }
  }
  return lifted;
}

function firstProblem(check: TypeCheck<Family[string]['data']>, value: unknown): string | undefined {
  if (check.Check(value)) return undefined;
  const error = check.Errors(value).First();
  return `${error?.path ?? ''}: ${error?.message ?? 'unexpected shape'}`;
}

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
