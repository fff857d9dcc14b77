import { type Codec, type Decoded, ifKnown, type TypedEvent } from '../events/codec.js';
import type { NewEvent, Position, RecordedEvent } from '../events/envelope.js';
import type { BackgroundHealth } from './background-health.js';
import type { Continuity } from './continuity.js';
import { TerminalError } from './errors.js';

/** The last revision of a stream that a writer has seen, or `none` if the stream does not exist. */
export type ExpectedRevision = number | 'none';

export interface AppendOptions {
  /** The user of a queued append. Tenants take turns, and so do the users within a tenant. */
  readonly user?: string | undefined;
  /**
   * A command that acts once in the whole log: the `commandId` in the metadata of these events, a UUID that derives from
   * an idempotency key.
   */
  readonly command?: string | undefined;
}

/** The place of the first event of a command. */
export interface CommandPlace {
  readonly stream: string;
  readonly revision: number;
}

/**
 * The outcomes of an append, which is atomic. An engine checks in this order: the ids of its events at the revisions after
 * the expected one, then its command, then the revision.
 */
export type AppendOutcome =
  /** Committed and flushed. Revision and position are those of its last event. */
  | { readonly outcome: 'appended'; readonly revision: number; readonly position: Position }
  /**
   * An earlier try of this same call has committed these events: ids are random for each call, so no other call
   * can have written them.
   * An engine that cannot distinguish the two returns `appended`.
   */
  | { readonly outcome: 'already-there'; readonly revision: number; readonly position: Position }
  /** Nothing is written: the command has acted before, in this stream or in another one. */
  | ({ readonly outcome: 'command-known' } & CommandPlace)
  /** Nothing is written: the stream is at another revision. */
  | { readonly outcome: 'conflict'; readonly revision: number | 'none' }
  /** The log did not answer in time. If `maybeWritten`, the same call again, with the same ids, may find its events there. */
  | { readonly outcome: 'unavailable'; readonly maybeWritten: boolean };

export interface ReadStreamOptions {
  /** Forwards it defaults to the first event, backwards to the last. */
  readonly from?: number;
  readonly direction?: 'forwards' | 'backwards';
  readonly eventsMax?: number;
}

export interface AllStreamsFilter {
  /** Stream categories: the part of a name before its first `-`. Absent means every stream. */
  readonly categories?: readonly string[];
  /** Types that are left out. An unknown type is never left out, because a newer node may have written it. */
  readonly withoutTypes?: readonly string[];
}

/** The result of one read of all streams, in the order of commits. */
export interface Page {
  readonly events: readonly RecordedEvent[];
  /** The position up to which the page covers the log, including filtered events. */
  readonly position: Position;
}

export interface LivePage extends Page {
  /** True if no later event was committed at the time of the read. The first such page may be empty. */
  readonly live: boolean;
}

/** An event that the log lacks. */
export interface LackedEvent {
  readonly tenant: string;
  readonly stream: string;
  readonly revision: number;
}

/** A gap in all streams, and what is left around it. */
export interface LogGap {
  /** The events before the gap. */
  readonly before: readonly RecordedEvent[];
  /** Of each stream that may have an event in the gap, the first one that it lacks there. */
  readonly lacked: readonly LackedEvent[];
  /** The first event behind the gap. */
  readonly next: RecordedEvent & { readonly position: Position };
}

export interface Backlog {
  /** The count within the next `countMax` events of the log. Null if the engine cannot count without reading them. */
  readonly events: number | null;
  /** From the reader's position to the newest event, in positions of the engine, without the filter. 0: no event waits. */
  readonly distance: number;
  /** The time of the oldest of them. An estimate may be earlier, and never later. */
  readonly oldestAt: string | undefined;
  /** There may be more than `events` says, and the oldest may be younger than `oldestAt`. */
  readonly estimated: boolean;
}

/**
 * The only source of truth. Positions follow the order of commits: after a reader has seen one, no event appears before it.
 * Texts are returned exactly as they were given.
 *
 * Calls throw InvalidAppend, InvalidRead or InvalidStreamName for invalid arguments, before anything is sent.
 * Reads throw LogUnavailable. A subscription never does: it waits and continues at its position.
 *
 * A position names an event by its place and its id, so an engine detects that the log went back, even after it has grown
 * past that place again. It compares the newest event that it has seen at each new connection, and the position with which
 * a subscription begins. After the first difference `continuity` is broken: reads throw LogWentBack, appends are
 * unavailable, and subscriptions wait until they are aborted.
 */
export interface EventLog {
  readonly continuity: Continuity;

  /** The ids of the events must be new. Only a retry of the same call repeats them. */
  append(
    stream: string,
    expected: ExpectedRevision,
    events: readonly NewEvent[],
    options?: AppendOptions,
  ): Promise<AppendOutcome>;

  /** The place of a command that was appended with its id. */
  findCommand(command: string): Promise<CommandPlace | undefined>;

  /** One stream, in pages. A stream that does not exist has no page. */
  readStream(stream: string, options?: ReadStreamOptions): AsyncIterable<readonly RecordedEvent[]>;

  /** All streams from after a position up to the present end, in pages. */
  readAll(after: Position, filter?: AllStreamsFilter): AsyncIterable<Page>;

  /** All events after a position, without end: first those in the log, then new ones. Ends when aborted. */
  subscribe(after: Position, signal: AbortSignal, filter?: AllStreamsFilter): AsyncIterable<LivePage>;

  /**
   * The gap that ended a read of all streams after this position with EventsMissing. Undefined if the log does not know the
   * streams of its events, or if it is too large. Only for a reader that never takes the rest for the whole.
   */
  gapAfter?(position: Position): Promise<LogGap | undefined>;

  /** The position of the newest event. */
  head(): Promise<Position>;

  /**
   * Whether the log has, in this position, the event that the position names; of a position without an id, whether the log
   * reaches it. START is before every event, and always there.
   */
  holds(position: Position): Promise<boolean>;

  /**
   * A position that a client sends back, with or without leading zeros and the event's id. Nothing for a text that is no
   * position of this engine; whether the log holds it is another question.
   */
  parsePosition(text: string): Position | undefined;

  /** The events after this position. Costs a bounded number of short queries, however many they are. */
  backlog(after: Position, countMax: number, filter?: AllStreamsFilter): Promise<Backlog>;

  /**
   * The permanent id of this log. Data that was built from another log does not belong to it. No event contains it. An
   * engine that has to store it does so at the first call.
   */
  identity(): Promise<string>;

  /** The identity, if it has been created. Writes nothing. */
  knownIdentity(): Promise<string | undefined>;

  /** Reports failures of the log's own background work from now on. A log without such work does not have it. */
  reportTo?(health: BackgroundHealth): void;

  /** Waits for open calls, and closes all connections. */
  close(): Promise<void>;
}

/** A log that cannot record a command together with its events, so its appends ignore the option. */
export type LogWithoutCommands = Omit<EventLog, 'findCommand'>;

/** Thrown by a reader that must not skip an event in a version that this process does not know. */
export class NewerVersion extends TerminalError {
  constructor({ stream, type, schema }: RecordedEvent) {
    super(`${stream} holds ${type} v${schema}, of a newer version`);
  }
}

/** For readers whose result could be wrong without the event. A process that knows its version has to read it. */
export function orFail(recorded: RecordedEvent, decoded: Decoded): TypedEvent {
  const event = ifKnown(decoded);
  if (!event) throw new NewerVersion(recorded);
  return event;
}

/** The typed events of a page. The iteration fails at an event that cannot be decoded, after the events before it. */
export async function decodeOrFail(codec: Codec, page: readonly RecordedEvent[]): Promise<Iterable<TypedEvent>> {
  return eachOrFail(page, await codec.decode(page));
}

function* eachOrFail(page: readonly RecordedEvent[], decoded: readonly Decoded[]): Iterable<TypedEvent> {
  for (const [nth, recorded] of page.entries()) yield orFail(recorded, decoded[nth] as Decoded);
}

/** The typed events of one stream. Fails at an event of a newer version, because later events may depend on it. */
export async function* eventsOf(
  { log, codec }: { readonly log: Pick<EventLog, 'readStream'>; readonly codec: Codec },
  stream: string,
  options?: ReadStreamOptions,
): AsyncIterable<TypedEvent> {
  for await (const page of log.readStream(stream, options)) {
    for (const event of await decodeOrFail(codec, page)) yield event;
  }
}
