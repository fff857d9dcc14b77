import { costOf, usageOf } from '../domain/usage.js';
import type { TypedEvent } from '../events/codec.js';
import { oneLine } from './one-line.js';

export type RunFeedEvent = Extract<TypedEvent, { type: 'GenerationRequested' | 'GenerationFinalized' }>;

/** All feeds get the same event object, so each frame is made once. */
const made = new WeakMap<RunFeedEvent, Buffer>();

/** The SSE frame for the start or the end of a run. Its id is the position of the event. */
export function runFrameOf(event: RunFeedEvent): Buffer {
  const known = made.get(event);
  if (known) return known;
  const name = event.type === 'GenerationRequested' ? 'run-started' : 'run-ended';
  const frame = Buffer.from(`id: ${event.position}\nevent: ${name}\ndata: ${oneLine(dataOf(event))}\n\n`);
  made.set(event, frame);
  return frame;
}

function dataOf(event: RunFeedEvent): object {
  const { conversation, owner: user = null } = event.meta;
  const { generationId: id } = event.data;
  if (event.type === 'GenerationRequested') {
    const { messageId: message, regenerates = null } = event.data;
    return { id, conversation, message, user, regenerates, status: 'queued', at: event.at };
  }
  const { status, finishReason, attempt, modelServed, usage, cost, error, timings } = event.data;
  return {
    ...{ id, conversation, user, status, finishReason, attempt, modelServed, error: error ?? null },
    usage: usageOf(usage),
    cost: costOf(cost),
    ttftMs: between(timings.claimedAt, timings.firstTextAt),
    durationMs: between(timings.queuedAt, event.at),
    at: event.at,
  };
}

const between = (from: string | null, to: string | null): number | null =>
  from !== null && to !== null ? Date.parse(to) - Date.parse(from) : null;
