import type { TypedEvent } from '../events/codec.js';
import type { LiveEvents } from './live-events.js';
import { Mailbox } from './mailbox.js';

/**
 * What is heard of a conversation since before one of its turns was asked for. Nothing of that turn can have been missed,
 * so nothing has to be read.
 */
export class LiveTurn {
  private readonly heard = new Mailbox<TypedEvent>(textOf, (characters) => this.onWaiting(characters));
  private onWaiting: (characters: number) => void = () => {};
  /** Stops listening. */
  readonly leave: () => void;

  constructor(conversation: string, live: LiveEvents) {
    this.leave = live.listen(conversation, (event) => this.heard.put(event));
  }

  /** `onWaiting` learns how much text was heard that was not taken, whenever it grows. */
  events(signal: AbortSignal, onWaiting: (characters: number) => void): AsyncIterable<TypedEvent> {
    this.onWaiting = onWaiting;
    return this.heard.taken(signal);
  }
}

const textOf = (event: TypedEvent): number => (event.type === 'DeltaReceived' ? event.data.text.length : 0);
