import { endOf, type Run } from '../domain/conversation/run.js';
import type { TypedEvent } from '../events/codec.js';
import { oneLine } from './event-frames.js';

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

function dataOf({ type, data, meta, at }: RunFeedEvent): Partial<Run> & { readonly at: string } {
  const { conversation, owner: user = null } = meta;
  const { generationId: id } = data;
  if (type === 'GenerationFinalized') return { id, conversation, user, ...endOf(data, at), at };
  const { messageId: message, regenerates = null } = data;
  return { id, conversation, message, user, regenerates, status: 'queued', at };
}
