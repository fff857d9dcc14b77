/** Lifts the data of one version of a type to the next. */
export type Upcast = (data: unknown) => unknown;

/** By type and the version it lifts from. */
export type Upcasters = Readonly<Record<string, Readonly<Record<number, Upcast>>>>;

export const upcasters: Upcasters = {
  // The first version had no blocks, and two channels: what was thought came before what was said.
  DeltaReceived: {
    1: (data) => {
      const delta = data as { readonly channel: unknown };
      return { ...delta, block: delta.channel === 'reasoning' ? 0 : 1 };
    },
  },
  // The second version adds what may be absent.
  AttemptEnded: { 1: (data) => data },
};
