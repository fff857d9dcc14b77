import type { TypedEvent } from '../events/codec.js';
import type { LiveEvents } from './live-events.js';

/**
 * What is heard of a conversation since before one of its turns was asked for. Nothing of that turn can have been missed,
 * so nothing has to be read.
 */
export class LiveTurn {
  private readonly heard: TypedEvent[] = [];
  private heardCharacters = 0;
  private wake = () => {};
  /** Learns how much text has been heard that nobody has taken, whenever it grows. */
  private onWaiting: (characters: number) => void = () => {};
  /** Stops listening. */
  readonly leave: () => void;

  constructor(conversation: string, live: LiveEvents) {
    this.leave = live.listen(conversation, (event) => {
      this.heard.push(event);
      this.heardCharacters += textOf(event);
      this.wake();
      this.onWaiting(this.heardCharacters);
    });
  }

  async *events(signal: AbortSignal, onWaiting: (characters: number) => void): AsyncIterable<TypedEvent> {
    this.onWaiting = onWaiting;
    const onAbort = () => this.wake();
    signal.addEventListener('abort', onAbort);
    try {
      while (!signal.aborted) {
        const event = this.heard.shift();
        if (event) {
          this.heardCharacters -= textOf(event);
          yield event;
        } else await this.arrival();
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  /** Nothing can arrive between the look at what was heard and this: it is asked for at once. */
  private arrival(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve;
    });
  }
}

const textOf = (event: TypedEvent): number => (event.type === 'DeltaReceived' ? event.data.text.length : 0);
