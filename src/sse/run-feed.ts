import { mayRead, type Reader } from '../domain/conversation/readers.js';
import type { Codec, TypedEvent } from '../events/codec.js';
import type { Position, RecordedEvent } from '../events/envelope.js';
import { decodeOrFail, NewerVersion } from '../ports/decode-or-fail.js';
import type { EventLog } from '../ports/event-log.js';
import { CursorBeyondEnd, conversationStream } from './conversation-history.js';
import type { Cursor } from './cursor.js';
import type { LiveEvents } from './live-events.js';
import { Mailbox } from './mailbox.js';
import { type RunFeedEvent, runFrameOf } from './run-frames.js';

/** A position of the right form in which no event is, or another one than it names. */
export class UnknownPosition extends Error {}

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

/** The start and the end of a run. */
const RUN_TYPES = ['GenerationRequested', 'GenerationFinalized'] as const;

/** Runs as they start and end, from a position in the log on: what stands there, then what comes, each once. */
export class RunFeed {
  private readonly heard: Mailbox<RunFeedEvent>;

  constructor(
    private readonly parts: { readonly log: EventLog; readonly codec: Codec; readonly live: LiveEvents },
    private readonly reader: Reader,
    private readonly follower: RunFollower = {},
  ) {
    this.heard = new Mailbox(
      (event) => runFrameOf(event).length,
      (bytes) => follower.waiting?.(bytes),
    );
  }

  /** Throws CursorBeyondEnd or UnknownPosition, before anything is sent, when no client can have seen that position. */
  async begin(after: Position | undefined): Promise<Position> {
    const { log } = this.parts;
    const head = await log.head();
    if (after === undefined) return head;
    if (after > head) throw new CursorBeyondEnd('the log is not that long');
    if (!(await log.holds(after))) throw new UnknownPosition('the log has no such event in this position');
    return after;
  }

  async *from(after: Position, signal: AbortSignal): AsyncIterable<Buffer> {
    // Listening before reading: what is committed meanwhile is heard, and told once.
    const leave = this.parts.live.listenToTenant(this.reader.tenant, RUN_TYPES, {
      hear: (event) => {
        if (this.concerns(event)) this.heard.put(event);
      },
      // After the events before it: the client resumes behind them, at a process that knows this one.
      miss: (recorded) => this.heard.fail(new NewerVersion(recorded)),
    });
    let told = after;
    try {
      for await (const page of this.parts.log.readAll(after, FILTER)) {
        for (const recorded of page.events) {
          if (this.mayConcern(recorded)) {
            const event = decodeOrFail(this.parts.codec, recorded);
            if (this.concerns(event)) yield this.told(event);
          }
          if (signal.aborted) return;
        }
        told = page.position;
      }
      for await (const event of this.heard.taken(signal)) if ((event.position ?? '') > told) yield this.told(event);
    } finally {
      leave();
    }
  }

  private told(event: RunFeedEvent): Buffer {
    const conversation = event.stream.slice(conversationStream('').length);
    this.follower.told?.(conversation, { ledger: event.revision + 1, tape: 0 });
    return runFrameOf(event);
  }

  /** Known before decoding, which costs more than reading: most events of the log are another tenant's. */
  private mayConcern({ tenant, type }: RecordedEvent): boolean {
    return tenant === this.reader.tenant && RUN_TYPES.some((each) => each === type);
  }

  /** The start or the end of a run that this reader may see. */
  private concerns(event: TypedEvent): event is RunFeedEvent {
    if (event.type !== 'GenerationRequested' && event.type !== 'GenerationFinalized') return false;
    return mayRead({ owner: { tenant: event.tenant, user: event.meta.owner ?? null } }, this.reader);
  }
}
