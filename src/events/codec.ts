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

/** Field by field: a spread costs several times as much. */
export function wrapped<E extends DomainEvent>({ type, data }: E, { id, tenant, at, meta }: Wrapping): E & Wrapping {
  return { type, data, id, tenant, at, meta } as unknown as E & Wrapping;
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

/**
 * The typed event, or its damage. `unknown`: this program does not know its type or version, because a later version of the
 * program wrote it. The reader decides whether it may skip the event.
 */
export type Decoded = TypedEvent | 'unknown' | UndecodableEvent;

/** The typed event, or nothing if it is unknown, for readers that may skip it. Throws the damage. */
export function ifKnown(decoded: Decoded): TypedEvent | undefined {
  if (decoded instanceof UndecodableEvent) throw decoded;
  return decoded === 'unknown' ? undefined : decoded;
}

/** Works on all events of an append or of a page at once, so a caller waits once for all of them, and not once for each. */
export interface Codec {
  /** The events of one append to this stream. Rejects with UnencodableEvent if one of them must not be written. */
  encode(stream: string, events: readonly (DomainEvent & Wrapping)[]): Promise<readonly NewEvent[]>;
  /**
   * The nth result belongs to the nth event: an unknown or damaged one affects no other. A rejection is the fault of no
   * event.
   */
  decode<const Page extends readonly RecordedEvent[]>(page: Page): Promise<{ readonly [Nth in keyof Page]: Decoded }>;
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

  function written(stream: string, { type, data, id, tenant, at, meta }: DomainEvent & Wrapping): NewEvent {
    const shape = shapes.get(type);
    if (!shape) throw new UnencodableEvent(`${type} of ${stream} is not an event type`);
    const problem = firstProblem(shape.check, data) ?? firstProblem(metadataCheck, meta);
    if (problem) throw new UnencodableEvent(`${type} of ${stream}: ${problem}`);
    return { id, type, schema: shape.schema, tenant, at, data: JSON.stringify(data), meta: JSON.stringify(meta) };
  }

  function read(event: RecordedEvent): Decoded {
    const shape = shapes.get(event.type);
    if (!shape || event.schema > shape.schema) return 'unknown';
    const stored = parsed(event.data);
    if (stored === undefined) return new UndecodableEvent(event, 'data is not JSON');
    const meta = parsed(event.meta);
    if (meta === undefined) return new UndecodableEvent(event, 'meta is not JSON');
    // The place to reveal protected values: each is bound to its pointer as stored, and upcasters move values (ADR 2).
    const data = event.schema === shape.schema ? stored : upcast(event, stored, shape.schema, lifts);
    if (data instanceof UndecodableEvent) return data;
    const problem = firstProblem(shape.check, data);
    if (problem) return new UndecodableEvent(event, `data${problem}`);
    const metaProblem = firstProblem(metadataCheck, meta);
    if (metaProblem) return new UndecodableEvent(event, `meta${metaProblem}`);
    return typedEvent(event, shape.schema, data, meta as Metadata);
  }

  return {
    async encode(stream, events) {
      return events.map((event) => written(stream, event));
    },

    async decode<const Page extends readonly RecordedEvent[]>(page: Page) {
      return page.map(read) as unknown as { readonly [Nth in keyof Page]: Decoded };
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

/** Undefined if it is not JSON. The parser's own message quotes the text it failed on, and that may be a person's. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function upcast(event: RecordedEvent, data: unknown, to: number, upcasters: Upcasters): unknown {
  let lifted = data;
  for (let version = event.schema; version < to; version++) {
    const lift = upcasters[event.type]?.[version];
    if (!lift) return new UndecodableEvent(event, `no upcaster from version ${version}`);
    try {
      lifted = lift(lifted);
    } catch {
      // Damaged data of an old version surfaces here first; the thrown message may quote it.
      return new UndecodableEvent(event, `data does not fit version ${version}`);
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
