import { Type } from '@sinclair/typebox';
import { type EventOf, personalText } from './envelope.js';

export const ACCESS_CATEGORY = 'access';

/** The looks that one process records in one tenant on one day (UTC). It alone writes there, so the chain has no gaps. */
export const accessStream = (tenant: string, day: string, writer: string): string =>
  `${ACCESS_CATEGORY}-${tenant}-${day}-${writer}`;

/** The trail of who looked at data of others. Its events name no conversation in their metadata: they are in no chain of one. */
export const accessEvents = {
  /** Committed before the answer leaves. A look at what is part of another object has one event for each, with one commandId. */
  AccessRecorded: {
    schema: 1,
    data: Type.Object({
      /** What was shown. A later release may show more, so this is any word. */
      what: Type.String(),
      object: Type.Object({ kind: Type.String(), id: Type.String() }),
      /** The owner of the object. Absent if it has none or several. */
      owner: Type.Optional(Type.String()),
      /** What a list was asked for. */
      filters: Type.Optional(Type.Record(Type.String(), Type.Unknown(), { personal: true })),
      /** Why, in the words of the actor. */
      purpose: Type.Optional(personalText()),
      export: Type.Optional(Type.String()),
    }),
  },
} as const;

export type AccessEvent = EventOf<typeof accessEvents>;
