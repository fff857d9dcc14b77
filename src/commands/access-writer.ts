import { type AccessEvent, accessStream } from '../events/access-events.js';
import { type Codec, wrapped } from '../events/codec.js';
import type { Metadata, NewEvent } from '../events/envelope.js';
import type { Clock } from '../ports/clock.js';
import { RetryableError, TerminalError } from '../ports/errors.js';
import type { EventLog, ExpectedRevision } from '../ports/event-log.js';
import type { Ids } from '../ports/ids.js';
import { recordLimits } from '../record-limits.js';

/** The sender of a request, or the command line. */
export interface Onlooker {
  readonly tenant: string;
  readonly actor: Metadata['actor'];
  readonly via: NonNullable<Metadata['via']>;
  readonly traceId: string;
  readonly traceparent?: string | undefined;
}

export interface AccessWriterParts {
  readonly log: Pick<EventLog, 'append'>;
  readonly codec: Codec;
  readonly clock: Pick<Clock, 'now' | 'monotonic'>;
  readonly ids: Ids;
  /** The last part of the names of the streams. No other process has it. */
  readonly writer: string;
}

/** An event of the trail by its stream and revision. */
export interface TrailPlace {
  readonly stream: string;
  readonly revision: number;
}

interface Entry {
  readonly by: Onlooker;
  readonly events: readonly AccessEvent[];
  readonly bytes: number;
}

interface WaitingEntry extends Entry {
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Appends the looks of this process in one tenant, one append at a time: those that wait meanwhile leave together. */
export class AccessWriter {
  /** By actor. Each append takes one look of each in turn, so that a flood of one actor delays no other. */
  private readonly waiting = new Map<string, WaitingEntry[]>();
  private isAppending = false;
  private stream = '';
  private revision: ExpectedRevision = 'none';

  constructor(
    private readonly tenant: string,
    private readonly parts: AccessWriterParts,
  ) {}

  get isIdle(): boolean {
    return !this.isAppending && this.waiting.size === 0;
  }

  get last(): TrailPlace | undefined {
    return this.revision === 'none' ? undefined : { stream: this.stream, revision: this.revision };
  }

  append(entry: Entry): Promise<void> {
    const { id } = entry.by.actor;
    const queue = this.waiting.get(id) ?? [];
    if (queue.length >= recordLimits.waitingLooksPerActorMax) {
      throw new RetryableError('too many looks of this user wait for the log', { retryAfterMs: 1_000 });
    }
    this.waiting.set(id, queue);
    return new Promise((resolve, reject) => {
      queue.push({ ...entry, resolve, reject });
      if (!this.isAppending) void this.appendAll();
    });
  }

  /** Never rejects: each entry gets the outcome of its append. */
  private async appendAll(): Promise<void> {
    this.isAppending = true;
    // Looks that begin in the same turn of the event loop share the first append too.
    await Promise.resolve();
    while (this.waiting.size > 0) {
      const entries = this.take();
      try {
        await this.appendTogether(entries);
        for (const { resolve } of entries) resolve();
      } catch (error) {
        for (const { reject } of entries) reject(error);
      }
    }
    this.isAppending = false;
  }

  private take(): readonly WaitingEntry[] {
    const taken: WaitingEntry[] = [];
    let bytes = 0;
    while (this.waiting.size > 0) {
      for (const [actor, queue] of this.waiting) {
        const [next] = queue as [WaitingEntry, ...WaitingEntry[]];
        const isFull =
          taken.length >= recordLimits.looksPerAppendMax || bytes + next.bytes > recordLimits.looksPerAppendBytesMax;
        if (taken.length > 0 && isFull) return taken;
        taken.push(next);
        bytes += next.bytes;
        queue.shift();
        if (queue.length === 0) this.waiting.delete(actor);
      }
    }
    return taken;
  }

  private async appendTogether(entries: readonly WaitingEntry[]): Promise<void> {
    const at = new Date(this.parts.clock.now()).toISOString();
    const stream = accessStream(this.tenant, at.slice(0, 10), this.parts.writer);
    if (stream !== this.stream) {
      this.stream = stream;
      this.revision = 'none';
    }
    const events = await this.encoded(entries, stream, at);
    // The actor decides whose turn it is in the queue of the log. Looks of several actors count for the first one.
    const user = entries[0]?.by.actor.id;
    for (;;) {
      const done = await this.parts.log.append(stream, this.revision, events, { user });
      switch (done.outcome) {
        case 'appended':
        case 'already-there':
          this.revision = done.revision;
          return;
        case 'conflict':
          // An append that was not answered was written after all. No other process writes here.
          this.revision = done.revision;
          break;
        case 'unavailable':
          throw new RetryableError('the look cannot be recorded now');
        case 'command-known':
          throw new TerminalError('a look has no idempotency key');
        default:
          return done satisfies never;
      }
    }
  }

  private encoded(entries: readonly WaitingEntry[], stream: string, at: string): Promise<readonly NewEvent[]> {
    const { codec, ids } = this.parts;
    const events = entries.flatMap(({ by, events }) => {
      const { actor, via, traceId: correlationId, traceparent } = by;
      const meta = {
        ...{ actor, via, correlationId, commandId: ids.random() },
        ...(traceparent && { traceparent }),
      };
      return events.map((event) => wrapped(event, { id: ids.event(), tenant: this.tenant, at, meta }));
    });
    return codec.encode(stream, events);
  }
}
