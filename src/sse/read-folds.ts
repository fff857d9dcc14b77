import { type Conversation, conversation, type RecordedInConversation } from '../domain/conversation/conversation.js';
import type { Recorded } from '../domain/decider.js';
import { generation, type Tape } from '../domain/generation.js';
import { conversationStream, generationStream } from '../domain/streams.js';
import type { Codec } from '../events/codec.js';
import type { GenerationEvent } from '../events/conversation-events.js';
import { type EventLog, eventsOf } from '../ports/event-log.js';

interface FoldParts {
  readonly log: EventLog;
  readonly codec: Codec;
}

/** The fold of a tape, and the number of its events: the second half of a cursor. */
export interface ReadTape {
  readonly tape: Tape;
  readonly events: number;
}

/** Folds the first events of a conversation. Reads them from the log and not from a cache. */
export async function readLedger(parts: FoldParts, id: string, eventsMax?: number): Promise<Conversation> {
  let state = conversation.initial;
  if (eventsMax === 0) return state;
  for await (const event of eventsOf(parts, conversationStream(id), upTo(eventsMax))) {
    state = conversation.evolve(state, event as unknown as RecordedInConversation);
  }
  return state;
}

/** Folds the first events of a tape. */
export async function readTape(parts: FoldParts, id: string, eventsMax?: number): Promise<ReadTape> {
  let tape = generation.initial;
  let events = 0;
  if (eventsMax === 0) return { tape, events };
  for await (const event of eventsOf(parts, generationStream(id), upTo(eventsMax))) {
    tape = generation.evolve(tape, event as unknown as Recorded<GenerationEvent>);
    events += 1;
  }
  return { tape, events };
}

const upTo = (eventsMax: number | undefined) => (eventsMax === undefined ? {} : { eventsMax });
