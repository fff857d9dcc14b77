import type { DomainEvent } from '../events/catalogue.js';
import { type Codec, type TypedEvent, wrapped } from '../events/codec.js';
import type { Metadata, NewEvent } from '../events/envelope.js';
import { limits } from '../limits.js';
import type { Clock } from '../ports/clock.js';
import { LogUnavailable, RetryableError } from '../ports/errors.js';
import type { AppendOutcome, CommandPlace, EventLog } from '../ports/event-log.js';
import type { Ids } from '../ports/ids.js';
import type { Tracer } from '../ports/tracer.js';
import type { Folded, Folds } from './folds.js';

export interface TransactionParts {
  readonly log: EventLog;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly ids: Ids;
  /** Absent if tracing is off. */
  readonly tracer?: Tracer | undefined;
}

/**
 * Publishes events that this process has committed in a conversation, so that its feeds deliver them at once, without
 * reading and decoding them from the log.
 */
export type Publish = (conversation: string, events: readonly TypedEvent[]) => void;

/** Other writers changed the stream before each attempt. */
export class Overtaken extends RetryableError {}

/** A keyed command has acted before, at this place in the log, where its first answer is read. */
export class CommandKnown extends Error {
  constructor(readonly place: CommandPlace) {
    super(`the command acted before in ${place.stream}`);
  }
}

export type Awaitable<T> = T | Promise<T>;

export interface Transaction<State, Event extends DomainEvent, Read extends DomainEvent> {
  readonly stream: string;
  readonly tenant: string;
  readonly meta: Metadata;
  /** The command derives from an idempotency key: it acts once in the whole log. */
  readonly isKeyed?: boolean;
  readonly folds: Folds<State, Read>;
  /** May be asynchronous, to load the input of a pure decision. */
  readonly decide: (state: State) => Awaitable<readonly Event[]>;
  /**
   * Called when the append has begun. What it appends in the same turn of the event loop leaves in the same batch.
   * `committed` resolves to true if this call has written the events.
   */
  readonly onAppend?: (events: readonly Event[], onItsWay: OnItsWay<State>) => void;
  /** Called with what this call has committed, as soon as the log has answered. */
  readonly onCommitted?: (events: readonly TypedEvent[]) => void;
}

/** A decision that is being appended. */
export interface OnItsWay<State> {
  readonly committed: Promise<boolean>;
  /** The fold after the append. */
  readonly ahead: State;
}

/** A committed event with its revision and time. */
export type Committed<Event> = Event & { readonly revision: number; readonly at: string };

export interface Transacted<State, Event> {
  readonly events: readonly Committed<Event>[];
  /** The fold after these events. It may include later events of other writers. */
  readonly state: State;
}

/**
 * The stages of every command: wait for its turn, once per key, load, decide, append. Repeats them if another writer was
 * faster. Throws CommandKnown for a keyed command that has acted before, also if it would be refused now.
 */
export function transact<State, Event extends DomainEvent, Read extends DomainEvent>(
  parts: TransactionParts,
  transaction: Transaction<State, Event, Read>,
): Promise<Transacted<State, Event>> {
  const { stream, folds } = transaction;
  const askedMs = parts.clock.now();
  return folds.inTurn(stream, async () => {
    // In an outage each queued command waits one deadline in total, not one after each of those before it.
    const waitedMs = parts.clock.now() - askedMs;
    if (waitedMs >= limits.appendDeadlineMs)
      throw new LogUnavailable(`${stream} could not be written for ${waitedMs} ms`);
    await requireNew(parts.log, transaction);
    for (let tries = 0; tries < limits.transactAttemptsMax; tries++) {
      const remembered = tries === 0 ? folds.last(stream) : undefined;
      const before = remembered ?? (await folds.current(stream));
      const decision = await settled(() => folds.whenLoaded(stream, () => transaction.decide(before.state)));
      if ('events' in decision && decision.events.length > 0) {
        const done = await append(parts, transaction, before, decision.events);
        if (done) return done;
        continue;
      }
      // No append checks the revision of this decision, so it must be made on the present state.
      if (remembered) continue;
      // The decision may be a result of the same command in another process.
      await requireNew(parts.log, transaction);
      if ('error' in decision) throw decision.error;
      return { events: [], state: before.state };
    }
    throw new Overtaken(`${stream} was changed by others ${limits.transactAttemptsMax} times in a row`);
  });
}

/** The log checks a keyed command at its append. A decision without events has no append, so it is checked here. */
async function requireNew(
  log: EventLog,
  { isKeyed, meta }: { readonly isKeyed?: boolean; readonly meta: Metadata },
): Promise<void> {
  const place = isKeyed ? await log.findCommand(meta.commandId) : undefined;
  if (place) throw new CommandKnown(place);
}

/** The decided events, or the error of the decision. */
async function settled<Event>(
  decide: () => Promise<readonly Event[]>,
): Promise<{ readonly events: readonly Event[] } | { readonly error: unknown }> {
  try {
    return { events: await decide() };
  } catch (error) {
    return { error };
  }
}

/** Undefined if the stream is at another revision. */
async function append<State, Event extends DomainEvent, Read extends DomainEvent>(
  parts: TransactionParts,
  { stream, tenant, meta, isKeyed, folds, onAppend, onCommitted }: Transaction<State, Event, Read>,
  before: Folded<State>,
  decided: readonly Event[],
): Promise<Transacted<State, Event> | undefined> {
  const at = new Date(parts.clock.now()).toISOString();
  // New ids for each attempt: the log takes an append with ids of an earlier attempt for that attempt.
  const events = decided.map((event: DomainEvent) => wrapped(event, { id: parts.ids.event(), tenant, at, meta }));
  const encoded = await parts.codec.encode(stream, events);

  const ahead = await folds.whenLoaded(stream, () =>
    folds.after(before, encoded, events as unknown as readonly Read[]),
  );
  const command = isKeyed ? meta.commandId : undefined;
  const appending = parts.log.append(stream, before.revision, encoded, { user: meta.owner, command });
  const committed = appending.then(isCommitted, () => false);
  onAppend?.(decided, { committed, ahead: ahead.state });
  const outcome = await appending;
  if (outcome.outcome === 'unavailable') throw new LogUnavailable(`${stream} cannot be written now`);
  if (outcome.outcome === 'command-known')
    throw new CommandKnown({ stream: outcome.stream, revision: outcome.revision });
  if (!isCommitted(outcome)) return undefined;
  const first = before.revision === 'none' ? 0 : before.revision + 1;
  onCommitted?.(asRead(stream, first, encoded, decided, meta));
  folds.remember(stream, ahead, before);
  return { events: decided.map((event, nth) => ({ ...event, revision: first + nth, at })), state: ahead.state };
}

/** Converts the events of one append to those that a reader of the log gets. */
export function asRead(
  stream: string,
  first: number,
  encoded: readonly NewEvent[],
  events: readonly DomainEvent[],
  meta: Metadata,
): TypedEvent[] {
  return encoded.map(({ id, type, schema, tenant, at }, nth) => {
    const data = events[nth]?.data;
    return { id, type, schema, tenant, at, data, meta, stream, revision: first + nth } as TypedEvent;
  });
}

const isCommitted = ({ outcome }: AppendOutcome): boolean => outcome === 'appended' || outcome === 'already-there';
