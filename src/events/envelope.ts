import { type Static, Type } from '@sinclair/typebox';

/**
 * Where an event stands among all events, and the id of that event: opaque, and ordered by plain string comparison. With
 * the id a reader can tell whether the log still has what it had there.
 */
export type Position = string & { readonly __position: never };

/** Before every event. */
export const START = '' as Position;

/** What an event says of how it came about. Fields may be added; none is ever removed or changed. */
export const Metadata = Type.Object({
  conversation: Type.Optional(Type.String()),
  /** Whose conversation it is, whoever acts. */
  owner: Type.Optional(Type.String()),
  actor: Type.Object({ id: Type.String(), kind: Type.String() }),
  commandId: Type.String(),
  correlationId: Type.String(),
  causationId: Type.Optional(Type.String()),
  /** Of the request that a command came with, so that its repetition is told from another one. */
  fingerprint: Type.Optional(Type.String()),
  traceparent: Type.Optional(Type.String()),
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

/** An event as a log gives it back: the same texts, and where they stand. */
export interface RecordedEvent extends NewEvent {
  readonly stream: string;
  readonly revision: number;
  /** Present when all streams are read, absent when one is: not every engine knows it there. */
  readonly position?: Position;
}
