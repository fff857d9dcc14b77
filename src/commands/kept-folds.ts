import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import type { Conversation, RecordedInConversation } from '../domain/conversation/conversation.js';
import { KEPT_FOLD_VERSION, KeptConversation, writeKept } from '../domain/conversation/kept-conversation.js';
import { KeptFoldUnfit, type NotLoaded, type SeenEvent } from '../domain/conversation/kept-entries.js';
import type { Aggregate } from '../domain/decider.js';
import type { Codec } from '../events/codec.js';
import { limits } from '../limits.js';
import { ignoreOutage, RetryableError } from '../ports/errors.js';
import { type EventLog, eventsOf } from '../ports/event-log.js';
import type { KeptFoldStore } from '../ports/kept-folds.js';
import type { Folded, Kept } from './folds.js';

/** Events between two wanted ones that are read along: as long as another read takes. */
const GAP_EVENTS = 64;

const OTHER_EVENTS = 'the log has other events';

export interface KeptFoldsParts {
  readonly store: KeptFoldStore;
  readonly log: Pick<EventLog, 'readStream'>;
  readonly codec: Codec;
  readonly aggregate: Aggregate<Conversation, RecordedInConversation>;
  /** A fold is kept about each time that its stream has so many more events. */
  readonly everyEvents: number;
  readonly warn: (facts: object, message: string) => void;
}

/**
 * Keeps the folds of long conversations, so that a process that has just started need not fold them from the beginning
 * (ADR 69). A kept fold is a cache: one that is missing, damaged, of another version or of other events is not used.
 */
export class KeptFolds implements Kept<Conversation> {
  private readonly waiting = new Map<string, Folded<Conversation>>();
  private working: Promise<void> | undefined;

  constructor(private readonly parts: KeptFoldsParts) {}

  async find(stream: string): Promise<Folded<Conversation> | undefined> {
    const row = await this.parts.store.find(stream, KEPT_FOLD_VERSION).catch(ignoreOutage);
    if (!row) return undefined;
    const kept = KeptConversation.read(row.bytes, this.parts.aggregate);
    if (!kept) return this.forget(stream, 'its bytes are damaged');
    try {
      const state = kept.fold(await this.read(stream, kept.wanted()));
      return { state, revision: row.revision, lastId: row.event, bytes: kept.bytes };
    } catch (error) {
      if (!(error instanceof KeptFoldUnfit)) throw error;
      return this.forget(stream, OTHER_EVENTS);
    }
  }

  async forget(stream: string, why: string): Promise<undefined> {
    this.parts.warn({ stream }, `a kept fold is not used: ${why}`);
    await this.parts.store.forget(stream).catch(ignoreOutage);
  }

  async load(stream: string, missing: NotLoaded): Promise<boolean> {
    try {
      missing.load(await this.read(stream, missing.wanted()));
      return true;
    } catch (error) {
      if (!(error instanceof KeptFoldUnfit)) throw error;
      await this.forget(stream, OTHER_EVENTS);
      return false;
    }
  }

  /** Keeps the fold beside the caller if its stream has grown enough since `before`. */
  offer(stream: string, before: Conversation, after: Folded<Conversation>): void {
    const blocks = ({ seen }: Conversation) => Math.floor(seen / this.parts.everyEvents);
    if (blocks(after.state) === blocks(before)) return;
    if (this.waiting.size < limits.keptFoldsWaitingMax) this.waiting.set(stream, after);
    this.working ??= turnOfTheLoop().then(() => this.work());
  }

  /** Resolves when no fold waits to be kept. */
  async settled(): Promise<void> {
    await this.working;
  }

  private async work(): Promise<void> {
    for (const [stream, folded] of this.waiting) {
      this.waiting.delete(stream);
      try {
        await this.keep(stream, folded);
      } catch (err) {
        // It is kept after its next events.
        if (!(err instanceof RetryableError))
          this.parts.warn({ err, stream }, 'the fold of a stream could not be kept');
      }
    }
    // In the turn of the event loop in which nothing waits any more, so that nothing is left waiting.
    this.working = undefined;
  }

  private async keep(stream: string, { state, revision, lastId, bytes }: Folded<Conversation>): Promise<void> {
    if (revision === 'none' || lastId === undefined) return;
    const writing = writeKept(state, bytes);
    let written = writing.next();
    for (; !written.done; written = writing.next()) await turnOfTheLoop();
    if (!written.value) return;
    await this.parts.store.keep({ stream, version: KEPT_FOLD_VERSION, revision, event: lastId, bytes: written.value });
  }

  /** The events with these numbers, and some between them. On one connection, because a process that starts has one. */
  private async read(stream: string, seen: readonly number[]): Promise<SeenEvent[]> {
    const events: SeenEvent[] = [];
    for (const { first, last } of rangesOf(seen)) {
      const wanted = { from: first - 1, eventsMax: last - first + 1 };
      for await (const event of eventsOf(this.parts, stream, wanted)) {
        events.push({ ...(event as unknown as RecordedInConversation), seen: event.revision + 1 });
      }
    }
    return events;
  }
}

interface Range {
  readonly first: number;
  readonly last: number;
}

function rangesOf(seen: readonly number[]): Range[] {
  const ranges: Range[] = [];
  for (const each of [...seen].sort((one, other) => one - other)) {
    const range = ranges.at(-1);
    if (range && each - range.last <= GAP_EVENTS) ranges[ranges.length - 1] = { first: range.first, last: each };
    else ranges.push({ first: each, last: each });
  }
  return ranges;
}
