import { mayRead, type Reader } from '../domain/conversation/readers.js';
import { endOf, type Run } from '../domain/conversation/run.js';
import type { Codec, TypedEvent } from '../events/codec.js';
import { conversationOf } from '../events/conversation-events.js';
import type { Position, RecordedEvent } from '../events/envelope.js';
import { decodeOrFail, type EventLog, NewerVersion } from '../ports/event-log.js';
import { type Cursor, CursorBeyondEnd } from './cursor.js';
import { oneLine } from './event-frames.js';
import type { LiveEvents } from './live-events.js';
import { Mailbox } from './mailbox.js';

/** A well-formed position that has no event, or another event than the position names. */
export class UnknownPosition extends Error {}

/** Reads the ledgers without the types that neither start nor end a run. */
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

/** Callbacks of a feed of runs, beside the iteration over its frames. */
export interface RunFollower {
  /** Gets the number of bytes that the feed has received and the client has not taken, whenever it grows. */
  readonly waiting?: (bytes: number) => void;
  /** Gets the cursor of a conversation after each of its events. */
  readonly sent?: (conversation: string, place: Cursor) => void;
}

/** The types that start and end a run. */
const RUN_TYPES = ['GenerationRequested', 'GenerationFinalized'] as const;

/** Runs as they start and end, after a position: first those in the log, then new ones, each event once. */
export class RunFeed {
  private readonly received: Mailbox<RunFeedEvent>;

  constructor(
    private readonly parts: { readonly log: EventLog; readonly codec: Codec; readonly live: LiveEvents },
    private readonly reader: Reader,
    private readonly follower: RunFollower = {},
  ) {
    this.received = new Mailbox(
      (event) => runFrameOf(event).length,
      (bytes) => follower.waiting?.(bytes),
    );
  }

  /** Throws CursorBeyondEnd or UnknownPosition if no client can have this position. Call it before sending the head. */
  async begin(after: Position | undefined): Promise<Position> {
    const { log } = this.parts;
    const head = await log.head();
    if (after === undefined) return head;
    if (after > head) throw new CursorBeyondEnd('the log is not that long');
    if (!(await log.holds(after))) throw new UnknownPosition('the log has no such event in this position');
    return after;
  }

  async *from(after: Position, signal: AbortSignal): AsyncIterable<Buffer> {
    // Listen before reading: events that are committed meanwhile are received, and delivered once.
    const leave = this.parts.live.listenToTenant(this.reader.tenant, RUN_TYPES, {
      receive: (event) => {
        if (this.concerns(event)) this.received.put(event);
      },
      // The feed fails after the events before this one: the client resumes there, at a process that knows the version.
      miss: (recorded) => this.received.fail(new NewerVersion(recorded)),
    });
    let read = after;
    try {
      for await (const page of this.parts.log.readAll(after, FILTER)) {
        const wanted = page.events.filter((recorded) => this.mayConcern(recorded));
        for (const event of await decodeOrFail(this.parts.codec, wanted)) {
          if (signal.aborted) return;
          if (this.concerns(event)) yield this.frameOf(event);
        }
        if (signal.aborted) return;
        read = page.position;
      }
      for await (const event of this.received.taken(signal))
        if ((event.position ?? '') > read) yield this.frameOf(event);
    } finally {
      leave();
    }
  }

  private frameOf(event: RunFeedEvent): Buffer {
    const conversation = conversationOf(event);
    this.follower.sent?.(conversation, { ledger: event.revision + 1, tape: 0 });
    return runFrameOf(event);
  }

  /** Checked before decoding, which costs more than reading: most events belong to other tenants. */
  private mayConcern({ tenant, type }: RecordedEvent): boolean {
    return tenant === this.reader.tenant && RUN_TYPES.some((each) => each === type);
  }

  /** True for the start or the end of a run that this reader may see. */
  private concerns(event: TypedEvent): event is RunFeedEvent {
    if (event.type !== 'GenerationRequested' && event.type !== 'GenerationFinalized') return false;
    return mayRead({ owner: { tenant: event.tenant, user: event.meta.owner ?? null } }, this.reader);
  }
}

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
