import { answerText } from '../domain/answer-text.js';
import { refusals } from '../domain/refusal.js';
import type { TypedEvent } from '../events/codec.js';
import { generationOf } from './event-frames.js';
import { oneLine } from './one-line.js';

/** What a client that follows one turn is told of an event. */
export type TurnFrame = { readonly bytes: Buffer; readonly isLast: boolean };

/** Nothing for events of other generations, and for what is no text that a person reads. */
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

/** The status that an answer would have had, if it had not begun. */
function statusOfFailure(kind: string): number {
  if (Object.hasOwn(refusals, kind)) return 422;
  return statuses[kind] ?? 502;
}

/** Of what went wrong here. Everything else went wrong at the provider, or on the way to it. */
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
