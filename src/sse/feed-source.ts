import type { Reader } from '../domain/conversation/readers.js';
import type { Codec, TypedEvent } from '../events/codec.js';
import type { Position } from '../events/envelope.js';
import type { EventLog } from '../ports/event-log.js';
import { ConversationFeed, type Follower } from './conversation-feed.js';
import { ConversationHistory } from './conversation-history.js';
import type { LiveEvents } from './live-events.js';
import { Mailbox } from './mailbox.js';
import { RunFeed, type RunFollower } from './run-feed.js';

/** Creates the feeds of this process. */
export class FeedSource {
  constructor(private readonly parts: { readonly log: EventLog; readonly codec: Codec; readonly live: LiveEvents }) {}

  feed(conversation: string, follower?: Follower): ConversationFeed {
    const { log, codec, live } = this.parts;
    return new ConversationFeed(conversation, new ConversationHistory(log, codec, conversation), live, follower);
  }

  /** Runs of all conversations that this reader may see. */
  runs(reader: Reader, follower?: RunFollower): RunFeed {
    return new RunFeed(this.parts, reader, follower);
  }

  /** The position in the id that a client of the feed of runs sends back. Undefined for any other text. */
  positionIn(text: string): Position | undefined {
    return this.parts.log.parsePosition(text);
  }

  /** Subscribes for a turn whose command is not sent yet. */
  listen(conversation: string): LiveTurn {
    return new LiveTurn(conversation, this.parts.live);
  }
}

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
