import { type Static, type TSchema, Type } from '@sinclair/typebox';

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
