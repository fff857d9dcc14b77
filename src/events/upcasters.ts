/** Lifts the data of one released version of a type to the next. It may move personal texts, never look inside them. */
export type Upcast = (data: unknown) => unknown;

/** By type and the version it lifts from. Empty while every type stands at its first version. */
export type Upcasters = Readonly<Record<string, Readonly<Record<number, Upcast>>>>;

export const upcasters: Upcasters = {};
