import { type Static, type TSchema, Type } from '@sinclair/typebox';

/**
 * The place of an event among all events, with the id of the event: opaque, and ordered by plain string comparison. By the
 * id a reader detects that the log has another event there.
 */
export type Position = string & { readonly __position: never };

/** Before every event. */
export const START = '' as Position;

/** The origin of an event. Fields may be added; none is ever removed or changed. */
export const Metadata = Type.Object({
  conversation: Type.Optional(Type.String()),
  /** The owner of the conversation. The actor may be another one. */
  owner: Type.Optional(Type.String()),
  actor: Type.Object({ id: Type.String(), kind: Type.String() }),
  /** How the actor came: by which key, or by the command line. */
  via: Type.Optional(Type.Object({ kind: Type.String(), id: Type.String() })),
  commandId: Type.String(),
  correlationId: Type.String(),
  causationId: Type.Optional(Type.String()),
  /** The hash of the request of a command, which distinguishes a repeated request from another one. */
  fingerprint: Type.Optional(Type.String()),
  traceparent: Type.Optional(Type.String()),
  /** The key that protects the personal values of the event. Absent, with `p`, in an event without protection. */
  key: Type.Optional(Type.String()),
  /** The version of the format of protected values. */
  p: Type.Optional(Type.Literal(1)),
});
export type Metadata = Static<typeof Metadata>;

/** An event as a log takes it. The log never looks inside `data` and `meta`: both are JSON texts of the codec. */
export interface NewEvent {
  readonly id: string;
  readonly type: string;
  readonly schema: number;
  readonly tenant: string;
  /** ISO 8601 in UTC with milliseconds. */
  readonly at: string;
  readonly data: string;
  readonly meta: string;
}

/** An event as a log returns it: the same texts, with their place. */
export interface RecordedEvent extends NewEvent {
  readonly stream: string;
  readonly revision: number;
  /** Present when all streams are read, absent when one is: not every engine knows it there. */
  readonly position?: Position;
}

/** One released shape of an event type: its version and the schema of its data. */
export interface EventShape {
  readonly schema: number;
  readonly data: TSchema;
}

export type Family = Readonly<Record<string, EventShape>>;

/** The discriminated union of a family: `{ type: 'MessageSent', data: {...} } | ...`. */
export type EventOf<F extends Family> = {
  [T in keyof F & string]: { readonly type: T; readonly data: Static<F[T]['data']> };
}[keyof F & string];

export const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);

export const literals = <const V extends readonly string[]>(...values: V) =>
  Type.Unsafe<V[number]>(Type.Union(values.map((value) => Type.Literal(value))));

/** A text of a user. The mark `personal`, also on a whole value, names the values for encryption and erasure. */
export const personalText = () => Type.String({ personal: true });
