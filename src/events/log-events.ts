import { Type } from '@sinclair/typebox';
import type { EventOf } from './family.js';

/** The stream of the log's own: one event for each incarnation after the first. */
export const INCARNATIONS = 'log-incarnations';
export const LOG_CATEGORY = 'log';

/** About the log itself, in `log-incarnations`. */
export const logEvents = {
  IncarnationBegan: {
    schema: 1,
    data: Type.Object({
      /** `<identity of the log>.<id of this event>`: the name under which notes of this incarnation are signed. */
      origin: Type.String(),
      /** The last signed note of the incarnation before, where one was signed. */
      note: Type.Optional(Type.String()),
    }),
  },
} as const;

export type LogEvent = EventOf<typeof logEvents>;
