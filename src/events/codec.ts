import { type TypeCheck, TypeCompiler } from '@sinclair/typebox/compiler';
import { catalogue, type DomainEvent } from './catalogue.js';
import { Metadata, type NewEvent, type RecordedEvent } from './envelope.js';
import type { Family } from './family.js';
import { upcasters as releasedUpcasters, type Upcasters } from './upcasters.js';

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
  const upcasters: Upcasters = parts.upcasters ?? releasedUpcasters;
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
      const data = upcast(event, parse(event, 'data'), shape.schema, upcasters);
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
