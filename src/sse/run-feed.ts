import { mayRead, type Reader } from '../domain/conversation/readers.js';
import type { Codec, TypedEvent } from '../events/codec.js';
import type { Position } from '../events/envelope.js';
import type { EventLog } from '../ports/event-log.js';
import { CursorBeyondEnd, conversationStream } from './conversation-history.js';
import type { Cursor } from './cursor.js';
import type { LiveEvents } from './live-events.js';
import { type RunEvent, runFrameOf } from './run-frames.js';

/** Of the ledgers, what is neither the beginning nor the end of a run. */
const FILTER = {
  categories: ['conversation'],
  withoutTypes: [
    'ConversationStarted',
    'ConversationRenamed',
    'ConversationArchived',
    'ConversationRestored',
    'ConversationConfigured',
    'MessageSent',
    'PromptAssembled',
    'GenerationCancelRequested',
    'BranchSelected',
  ],
};

/** Who follows a feed of runs, besides the one that iterates over it. */
export interface RunFollower {
  /** Learns how much has been heard that was not taken, whenever it grows. */
  readonly waiting?: (bytes: number) => void;
  /** Learns how far a conversation was told. */
  readonly told?: (conversation: string, place: Cursor) => void;
}

/** Runs as they start and end, from a position in the log on: what stands there, then what comes, each once. */
export class RunFeed {
  private readonly heard: RunEvent[] = [];
  private heardBytes = 0;
  private wake = () => {};

  constructor(
    private readonly parts: { readonly log: EventLog; readonly codec: Codec; readonly live: LiveEvents },
    private readonly reader: Reader,
    private readonly follower: RunFollower = {},
  ) {}

  /** Throws CursorBeyondEnd before anything is told when nobody can have seen that position. */
  async begin(after: Position | undefined): Promise<Position> {
    const head = await this.parts.log.head();
    if (after !== undefined && after > head) throw new CursorBeyondEnd('the log is not that long');
    return after ?? head;
  }

  async *from(after: Position, signal: AbortSignal): AsyncIterable<Buffer> {
    // Listening before reading: what is committed meanwhile is heard, and told once.
    const leave = this.parts.live.listenToAll((event) => this.hear(event));
    const onAbort = () => this.wake();
    signal.addEventListener('abort', onAbort);
    let told = after;
    try {
      for await (const page of this.parts.log.readAll(after, FILTER)) {
        for (const recorded of page.events) {
          const event = this.parts.codec.decode(recorded);
          if (event && this.concerns(event)) yield this.told(event);
          if (signal.aborted) return;
        }
        told = page.position;
      }
      while (!signal.aborted) {
        const event = this.heard.shift();
        if (!event) await this.arrival();
        else {
          const frame = runFrameOf(event);
          this.heardBytes -= frame.length;
          if ((event.position ?? '') > told) yield this.told(event);
        }
      }
    } finally {
      leave();
      signal.removeEventListener('abort', onAbort);
    }
  }

  private told(event: RunEvent): Buffer {
    const conversation = event.stream.slice(conversationStream('').length);
    this.follower.told?.(conversation, { ledger: event.revision + 1, tape: 0 });
    return runFrameOf(event);
  }

  private hear(event: TypedEvent): void {
    if (!this.concerns(event)) return;
    this.heard.push(event);
    this.heardBytes += runFrameOf(event).length;
    this.wake();
    this.follower.waiting?.(this.heardBytes);
  }

  /** The start or the end of a run that this reader may see. */
  private concerns(event: TypedEvent): event is RunEvent {
    if (event.type !== 'GenerationRequested' && event.type !== 'GenerationFinalized') return false;
    return mayRead({ owner: { tenant: event.tenant, user: event.meta.owner ?? null } }, this.reader);
  }

  /** Nothing can arrive between the look at what was heard and this: it is asked for at once. */
  private arrival(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve;
    });
  }
}
