import { type TypeCheck, TypeCompiler } from '@sinclair/typebox/compiler';
import { NotCanonical } from '../formats/record-1/canonical-json.js';
import { UnreadableValue } from '../formats/value-1/protected-value.js';
import type { ValueKey } from '../formats/value-1/value-key.js';
import { catalogue, type DomainEvent } from './catalogue.js';
import { type Family, Metadata, type NewEvent, type RecordedEvent } from './envelope.js';
import { type PersonalValues, personalValuesIn, protectedData, ReservedName, revealedData } from './protected-data.js';
import { type Upcasters, upcasters } from './upcasters.js';

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

/** A protected event whose key this process cannot find. It is not damaged: it can be read when the key is there again. */
export class UnrevealableEvent extends UndecodableEvent {
  constructor(
    event: RecordedEvent,
    readonly key: string,
  ) {
    super(event, `its key ${key} is missing`);
  }
}

/** An event that must not be written: a mistake of this program, found before it can enter the log. */
export class UnencodableEvent extends Error {}

/** Events that cannot be written now, because the key for their personal values is missing. */
export class MissingKey extends Error {
  constructor(readonly key: string) {
    super(`the key ${key} is missing`);
  }
}

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

/** The keys that protect personal values, by the ids that events name. */
export interface CodecKeys {
  /** A missing key is not in the map. Answers at once if it has all of them in memory. */
  find(ids: ReadonlySet<string>): FoundKeys | Promise<FoundKeys>;
}

type FoundKeys = ReadonlyMap<string, ValueKey>;

export interface CodecParts {
  /** Absent: events without protection alone can be read and written. */
  readonly keys?: CodecKeys;
  readonly family?: Family;
  readonly upcasters?: Upcasters;
}

interface Shape {
  readonly schema: number;
  readonly check: TypeCheck<Family[string]['data']>;
  /** Undefined if no value of the type is personal. */
  readonly personal: PersonalValues | undefined;
}

/** An event of a known type whose stored texts are JSON. */
interface Parsed {
  readonly event: RecordedEvent;
  readonly shape: Shape;
  readonly stored: unknown;
  readonly meta: unknown;
  readonly key: string | undefined;
}

const noKeys: FoundKeys = new Map();

const metadataCheck = TypeCompiler.Compile(Metadata);

export function createCodec(parts: CodecParts = {}): Codec {
  const { family = catalogue } = parts;
  const lifts: Upcasters = parts.upcasters ?? upcasters;
  const shapes = compileShapes(family);

  function findKeys(ids: readonly (string | undefined)[]): FoundKeys | Promise<FoundKeys> {
    const wanted = new Set(ids.filter((id) => id !== undefined));
    return wanted.size === 0 || !parts.keys ? noKeys : parts.keys.find(wanted);
  }

  function written(stream: string, event: DomainEvent & Wrapping, keys: FoundKeys): NewEvent {
    const { type, data, id, tenant, at, meta } = event;
    const shape = shapes.get(type);
    if (!shape) throw new UnencodableEvent(`${type} of ${stream} is not an event type`);
    const problem = firstProblem(shape.check, data) ?? firstProblem(metadataCheck, meta);
    if (problem) throw new UnencodableEvent(`${type} of ${stream}: ${problem}`);
    const isClear = meta.key === undefined && meta.p === undefined;
    const stored = isClear ? data : protectedOrFail(stream, event, shape, keys);
    return { id, type, schema: shape.schema, tenant, at, data: JSON.stringify(stored), meta: JSON.stringify(meta) };
  }

  function opened(event: RecordedEvent): Parsed | Decoded {
    const shape = shapes.get(event.type);
    if (!shape || event.schema > shape.schema) return 'unknown';
    const stored = parsed(event.data);
    if (stored === undefined) return new UndecodableEvent(event, 'data is not JSON');
    const meta = parsed(event.meta);
    if (meta === undefined) return new UndecodableEvent(event, 'meta is not JSON');
    return { event, shape, stored, meta, key: keyIn(meta) };
  }

  function read(parsed: Parsed, keys: FoundKeys): Decoded {
    const { event, shape, meta } = parsed;
    // Before the upcasters, which move values: each value is bound to its pointer as stored (ADR 2).
    const clear = revealed(parsed, keys);
    if (clear instanceof UndecodableEvent) return clear;
    const data = event.schema === shape.schema ? clear : upcast(event, clear, shape.schema, lifts);
    if (data instanceof UndecodableEvent) return data;
    const problem = firstProblem(shape.check, data);
    if (problem) return new UndecodableEvent(event, `data${problem}`);
    const metaProblem = firstProblem(metadataCheck, meta);
    if (metaProblem) return new UndecodableEvent(event, `meta${metaProblem}`);
    return typedEvent(event, shape.schema, data, meta as Metadata);
  }

  return {
    async encode(stream, events) {
      const keys = await findKeys(events.map(({ meta }) => meta.key));
      return events.map((event) => written(stream, event, keys));
    },

    async decode<const Page extends readonly RecordedEvent[]>(page: Page) {
      const events = page.map(opened);
      const keys = await findKeys(events.map((event) => (isParsed(event) ? event.key : undefined)));
      const decoded = events.map((event) => (isParsed(event) ? read(event, keys) : event));
      return decoded as unknown as { readonly [Nth in keyof Page]: Decoded };
    },
  };
}

const isParsed = (event: Parsed | Decoded): event is Parsed => typeof event === 'object' && 'shape' in event;

/** The key of a protected event. Metadata with only one of the two members were written by no version of this program. */
function keyIn(meta: unknown): string | undefined {
  const { key, p } = (meta ?? {}) as { readonly key?: unknown; readonly p?: unknown };
  return p === 1 && typeof key === 'string' ? key : undefined;
}

function protectedOrFail(
  stream: string,
  { type, data, id, tenant, meta }: DomainEvent & Wrapping,
  { personal }: Shape,
  keys: FoundKeys,
) {
  const name = keyIn(meta);
  if (name === undefined) throw new UnencodableEvent(`${type} of ${stream} is protected without a key or by no format`);
  const key = keys.get(name);
  if (!key) throw new MissingKey(name);
  try {
    return protectedData({ tenant, stream, id }, data, personal, key);
  } catch (error) {
    if (!(error instanceof ReservedName) && !(error instanceof NotCanonical)) throw error;
    throw new UnencodableEvent(`${type} of ${stream}: ${error.message}`);
  }
}

/** A value that was changed, moved or taken from another event is damage of the event. */
function revealed({ event, stored, key: name }: Parsed, keys: FoundKeys): unknown {
  if (name === undefined) return stored;
  const key = keys.get(name);
  if (!key) return new UnrevealableEvent(event, name);
  try {
    return revealedData(event, stored, key);
  } catch (error) {
    if (!(error instanceof UnreadableValue)) throw error;
    return new UndecodableEvent(event, error.message);
  }
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
    personal: personalValuesIn(data),
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
