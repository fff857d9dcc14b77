import { NotLoaded } from '../domain/conversation/kept-entries.js';
import type { Aggregate } from '../domain/decider.js';
import type { DomainEvent } from '../events/catalogue.js';
import type { Codec, Decoded } from '../events/codec.js';
import type { NewEvent, RecordedEvent } from '../events/envelope.js';
import { limits } from '../limits.js';
import { foundOnSecondLook, type LogWentBack } from '../ports/continuity.js';
import { RetryableError } from '../ports/errors.js';
import { type EventLog, orFail } from '../ports/event-log.js';

/** The fold of a stream up to a revision. */
export interface Folded<State> {
  readonly state: State;
  readonly revision: number | 'none';
  /** The id of the event at that revision. */
  readonly lastId?: string;
  /** Bytes of the events whose texts the fold holds: about its memory. */
  readonly bytes: number;
}

/** Folds that are kept for processes that start later. A fold may lack entries, which are loaded when they are read. */
export interface Kept<State> {
  find(stream: string): Promise<Folded<State> | undefined>;
  forget(stream: string, why: string): Promise<unknown>;
  /** False if the log has other events than those that the fold was kept from. */
  load(stream: string, missing: NotLoaded): Promise<boolean>;
  /** Keeps the fold beside the caller if its stream has grown enough. */
  offer(stream: string, before: State, after: Folded<State>): void;
}

/**
 * Remembers the latest fold of each stream. A stream only grows, so only its newer events are read, and a long stream costs
 * no more than a short one. An append at the remembered revision fails if the stream has grown. A read begins with the
 * last folded event: if the log has another event there, or none, the log went back.
 */
export class Folds<State, Event extends DomainEvent> {
  private readonly remembered = new RememberedFolds<Folded<State>>();
  private readonly firstReads = new Map<string, Promise<unknown>>();
  private readonly turns = new OneAtATime();
  private readonly largeReads = new OneAtATime();

  constructor(
    private readonly log: Pick<EventLog, 'readStream' | 'continuity'>,
    private readonly codec: Codec,
    private readonly aggregate: Aggregate<State, Event>,
    private readonly kept?: Kept<State>,
  ) {}

  /** The remembered fold. The stream may have grown since. */
  last(stream: string): Folded<State> | undefined {
    return this.remembered.get(stream);
  }

  /** Repeats an act on a fold until all that it reads of a kept one is loaded. It must have no other effect. */
  async whenLoaded<T>(stream: string, act: () => T | Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await act();
      } catch (error) {
        if (!(error instanceof NotLoaded) || !this.kept) throw error;
        if (await this.kept.load(stream, error)) continue;
        this.remembered.delete(stream);
        throw new RetryableError(`the kept fold of ${stream} was not of this log`);
      }
    }
  }

  /** Runs the writers of a stream one after the other within this process. */
  inTurn<T>(stream: string, act: () => Promise<T>): Promise<T> {
    return this.turns.run(stream, act);
  }

  /** The present fold. If several callers need the whole stream, one reads it, and the others read what is newer. */
  async current(stream: string): Promise<Folded<State>> {
    const first = this.firstReads.get(stream);
    if (first) await first.catch(() => {});
    if (this.last(stream)) return this.readOn(stream);
    const reading = this.readOn(stream);
    this.firstReads.set(stream, reading);
    try {
      return await reading;
    } finally {
      if (this.firstReads.get(stream) === reading) this.firstReads.delete(stream);
    }
  }

  /** Large folds are read one at a time, because each takes its memory before it is remembered. */
  private async readOn(stream: string): Promise<Folded<State>> {
    const small = await this.read(stream, limits.largeFoldBytesMin);
    return small ?? this.largeReads.run('large folds', () => this.read(stream));
  }

  /** Returns undefined if the stream has more than `bytesMax`, so that a read that waits for its turn holds no memory. */
  private read(stream: string): Promise<Folded<State>>;
  private read(stream: string, bytesMax: number): Promise<Folded<State> | undefined>;
  private async read(stream: string, bytesMax?: number): Promise<Folded<State> | undefined> {
    const remembered = this.last(stream);
    const kept = remembered || !this.kept ? undefined : await this.kept.find(stream);
    const before = remembered ?? kept ?? { state: this.aggregate.initial, revision: 'none', bytes: 0 };
    let found = 'gone' as Folded<State> | 'gone' | 'too large';
    await foundOnSecondLook(async () => {
      found = await this.readBehind(stream, before, bytesMax);
      return found !== 'gone' || kept !== undefined;
    });
    if (found === 'gone' && kept) {
      await this.kept?.forget(stream, 'the log does not have its last event');
      return this.read(stream, bytesMax as number);
    }
    if (found === 'gone') throw this.breakOff(stream, before);
    if (found === 'too large') return undefined;
    if (found !== remembered) this.remember(stream, found, before);
    return found;
  }

  /** `gone`: the log does not have the last folded event. */
  private async readBehind(
    stream: string,
    before: Folded<State>,
    bytesMax: number = Number.POSITIVE_INFINITY,
  ): Promise<Folded<State> | 'gone' | 'too large'> {
    let folded: Folded<State> = before;
    let isThere = before.revision === 'none';
    for await (const page of this.log.readStream(stream, { from: Math.max(0, revisionOf(before)) })) {
      const [first] = page;
      const isLast = first?.revision === before.revision;
      if (isLast && first.id !== before.lastId) break;
      isThere ||= isLast;
      folded = await this.withAll(stream, folded, isLast ? page.slice(1) : page);
      if (folded.bytes - before.bytes > bytesMax) return 'too large';
    }
    return isThere ? folded : 'gone';
  }

  /** An unknown event fails the read: a decision without it could contradict it. */
  private async withAll(stream: string, before: Folded<State>, page: readonly RecordedEvent[]): Promise<Folded<State>> {
    const decoded = await this.codec.decode(page);
    let folded = before;
    for (const [nth, recorded] of page.entries()) {
      const event = orFail(recorded, decoded[nth] as Decoded) as unknown as Event;
      const next = () => this.with(folded, recorded, event, recorded.revision);
      folded = this.kept ? await this.whenLoaded(stream, next) : next();
    }
    return folded;
  }

  private breakOff(stream: string, before: Folded<State>): LogWentBack {
    this.remembered.delete(stream);
    const [revision, id] = [revisionOf(before), before.lastId ?? ''];
    const reason = `the event log went back: revision ${revision} of ${stream} is not event ${id} any more`;
    return this.log.continuity.breakOff(reason, { stream, revision, id });
  }

  /** Adds events, given encoded and decoded, to a fold. Does not remember the result. */
  after(before: Folded<State>, encoded: readonly NewEvent[], events: readonly Event[]): Folded<State> {
    let revision = before.revision === 'none' ? -1 : before.revision;
    let folded = before;
    for (const [nth, event] of events.entries()) {
      revision += 1;
      folded = this.with(folded, encoded[nth] as NewEvent, event, revision);
    }
    return folded;
  }

  private with(before: Folded<State>, { id, data, meta }: NewEvent, event: Event, revision: number): Folded<State> {
    const isKept = this.aggregate.keepsTexts?.(event) ?? true;
    const bytes = before.bytes + (isKept ? data.length : 0) + meta.length;
    const state = this.aggregate.evolve(before.state, event);
    return { state: this.aggregate.weighed?.(state, bytes) ?? state, revision, lastId: id, bytes };
  }

  /** Remembers the fold of committed events, unless a later one is known. */
  remember(stream: string, folded: Folded<State>, before: Folded<State>): void {
    // A slow read must not replace a later fold.
    if (revisionOf(this.last(stream)) > revisionOf(folded)) return;
    this.remembered.set(stream, folded);
    this.kept?.offer(stream, before.state, folded);
  }
}

const revisionOf = (folded: Folded<unknown> | undefined): number =>
  folded === undefined || folded.revision === 'none' ? -1 : folded.revision;

interface Weighed {
  readonly bytes: number;
}

/**
 * Folds by stream, in two least recently used caches: many small folds, and a few large ones. So a large conversation
 * evicts none of other users, and stays cached itself: reading it for each command would take far longer than the command.
 */
export class RememberedFolds<F extends Weighed> {
  private readonly small = new Share<F>(limits.foldsBytesMax, limits.foldsMax);
  private readonly large = new Share<F>(limits.largeFoldsBytesMax, limits.foldsMax);

  get(stream: string): F | undefined {
    return this.small.get(stream) ?? this.large.get(stream);
  }

  set(stream: string, fold: F): void {
    const isLarge = fold.bytes >= limits.largeFoldBytesMin;
    (isLarge ? this.small : this.large).delete(stream);
    (isLarge ? this.large : this.small).set(stream, fold);
  }

  delete(stream: string): void {
    this.small.delete(stream);
    this.large.delete(stream);
  }
}

class Share<F extends Weighed> {
  private readonly folds = new Map<string, F>();
  private bytes = 0;

  constructor(
    private readonly bytesMax: number,
    private readonly foldsMax: number,
  ) {}

  get(stream: string): F | undefined {
    const fold = this.folds.get(stream);
    if (fold === undefined) return undefined;
    this.folds.delete(stream);
    this.folds.set(stream, fold);
    return fold;
  }

  set(stream: string, fold: F): void {
    this.delete(stream);
    // A fold that exceeds the cache would evict all others and itself.
    if (fold.bytes > this.bytesMax) return;
    this.folds.set(stream, fold);
    this.bytes += fold.bytes;
    for (const oldest of this.folds.keys()) {
      if (this.bytes <= this.bytesMax && this.folds.size <= this.foldsMax) return;
      this.delete(oldest);
    }
  }

  delete(stream: string): void {
    this.bytes -= this.folds.get(stream)?.bytes ?? 0;
    this.folds.delete(stream);
  }
}

/**
 * Runs the actions on one key one after the other. Otherwise all writers of a stream would decide on the same state, and
 * only one could append.
 */
export class OneAtATime {
  private readonly lines = new Map<string, { length: number; last: Promise<unknown> }>();

  async run<T>(name: string, act: () => Promise<T>): Promise<T> {
    const line = this.lines.get(name) ?? { length: 0, last: Promise.resolve() };
    if (line.length >= limits.writersWaitingMax) throw new RetryableError(`too many are waiting for ${name}`);
    const acting = line.length === 0 ? act() : line.last.then(act, act);
    line.length += 1;
    line.last = acting;
    this.lines.set(name, line);
    try {
      return await acting;
    } finally {
      line.length -= 1;
      if (line.length === 0) this.lines.delete(name);
    }
  }
}
