import { refusals } from '../domain/refusal.js';
import { generationOf } from '../domain/streams.js';
import { answerText } from '../domain/texts.js';
import type { TypedEvent } from '../events/codec.js';
import { oneLine } from './event-frames.js';

/** The frame that a client of one turn gets for an event. */
export type TurnFrame = { readonly bytes: Buffer; readonly isLast: boolean };

/** Undefined for events of other generations, and for deltas that hold no text for people. */
export function turnFrameOf(event: TypedEvent, generationId: string): TurnFrame | undefined {
  if (event.type === 'DeltaReceived') {
    const isShown = generationOf(event) === generationId && event.data.channel === 'content';
    return isShown ? frame({ token: event.data.text }, false) : undefined;
  }
  if (event.type !== 'GenerationFinalized' || event.data.generationId !== generationId) return undefined;
  const { status, blocks, error } = event.data;
  if (status !== 'error') return frame({ done: true, full_response: answerText(blocks), status }, true);
  return frame({ error: error?.message ?? '', code: statusOfFailure(error?.kind ?? '') }, true);
}

/** The HTTP status that the response would have if it had not begun. */
function statusOfFailure(kind: string): number {
  if (Object.hasOwn(refusals, kind)) return 422;
  return statuses[kind] ?? 502;
}

/** Kinds of errors of this process. All others happened at the provider, or on the way to it. */
const statuses: Readonly<Record<string, number>> = {
  timeout: 504,
  interrupted: 500,
  prompt_mismatch: 500,
  too_long: 413,
};

const frame = (data: object, isLast: boolean): TurnFrame => ({
  bytes: Buffer.from(`data: ${oneLine(data)}\n\n`),
  isLast,
});
