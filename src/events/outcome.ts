import { type Static, Type } from '@sinclair/typebox';
import { personalText } from './family.js';

const tokens = Type.Optional(Type.Integer({ minimum: 0 }));

/** The tokens of an answer in no provider's words. A number that the provider did not report is absent. */
export const RecordedUsage = Type.Object({
  /** Of the whole request, cached tokens included. */
  input: tokens,
  /** Of the whole answer, reasoning included. */
  output: tokens,
  /** The part of the input that the provider read from its cache, and the part that it wrote there. */
  cachedRead: tokens,
  cachedWrite: tokens,
  /** The part of the output that is reasoning. */
  reasoning: tokens,
  total: tokens,
});
export type RecordedUsage = Static<typeof RecordedUsage>;

/** Why an attempt, and so a generation, failed. */
export const Failure = Type.Object({
  kind: Type.String(),
  message: personalText(),
  providerStatus: Type.Optional(Type.Integer()),
});
export type Failure = Static<typeof Failure>;
