import type { TypedEvent } from '../events/codec.js';
import type { LiveEvents } from './live-events.js';
import { Mailbox } from './mailbox.js';

/**
 * The events of a conversation since before the command of one turn. It has every event of the turn, so the log need not
 * be read.
 */
export class LiveTurn {
  private readonly received = new Mailbox<TypedEvent>(textOf, (characters) => this.onWaiting(characters));
  private onWaiting: (characters: number) => void = () => {};
  /** Stops listening. */
  readonly leave: () => void;

  constructor(conversation: string, live: LiveEvents) {
    this.leave = live.listen(conversation, (event) => this.received.put(event));
  }

  /** `onWaiting` gets the number of characters that were received and not taken, whenever it grows. */
  events(signal: AbortSignal, onWaiting: (characters: number) => void): AsyncIterable<TypedEvent> {
    this.onWaiting = onWaiting;
    return this.received.taken(signal);
  }
}

const textOf = (event: TypedEvent): number => (event.type === 'DeltaReceived' ? event.data.text.length : 0);
