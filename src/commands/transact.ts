import type { DomainEvent } from '../events/catalogue.js';
import type { Codec, TypedEvent } from '../events/codec.js';
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
  /** Absent when nothing is traced. */
  readonly tracer?: Tracer | undefined;
}

/**
 * Passes on what this process has committed in a conversation, so that its feeds show it at once, without reading and
 * decoding it from the log.
 */
export type Publish = (conversation: string, events: readonly TypedEvent[]) => void;

/** Other writers changed the stream before each attempt. */
export class Overtaken extends RetryableError {}

/** A keyed command has acted before, at this place. Its first answer is read there. */
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
  /** It may first have to load what a pure decision is given. */
  readonly decide: (state: State) => Awaitable<readonly Event[]>;
  /**
   * Called when the events are on their way; what it appends at once leaves with them. They are committed when it is
   * this call that has written them.
   */
  readonly onAppend?: (events: readonly Event[], onItsWay: OnItsWay<State>) => void;
  /** Called with what this call has committed, as soon as the log has answered. */
  readonly onCommitted?: (events: readonly TypedEvent[]) => void;
}

/** A decision between its making and its commit. */
export interface OnItsWay<State> {
  readonly committed: Promise<boolean>;
  /** The stream as it will be. Making it takes a moment that is best spent while the log flushes. */
  readonly ahead: () => State;
}

/** A decided event that is committed, and where. */
export type Committed<Event> = Event & { readonly revision: number; readonly at: string };

export interface Transacted<State, Event> {
  readonly events: readonly Committed<Event>[];
  /** With those events, and perhaps with what others wrote behind them. */
  readonly state: State;
}

/**
 * The stages of every command: its turn, once per key, load, decide, append; and again if another writer was faster.
 * Throws CommandKnown for a keyed command that has acted before, also if it would be refused now.
 */
export function transact<State, Event extends DomainEvent, Read extends DomainEvent>(
  parts: TransactionParts,
  transaction: Transaction<State, Event, Read>,
): Promise<Transacted<State, Event>> {
  const { stream, folds } = transaction;
  const askedMs = parts.clock.now();
  return folds.inTurn(stream, async () => {
    // Those who wait in an outage wait for it once, and not each for all before them.
    const waitedMs = parts.clock.now() - askedMs;
    if (waitedMs >= limits.appendDeadlineMs)
      throw new LogUnavailable(`${stream} could not be written for ${waitedMs} ms`);
    await requireNew(parts.log, transaction);
    for (let tries = 0; tries < limits.transactAttemptsMax; tries++) {
      const remembered = tries === 0 ? folds.last(stream) : undefined;
      const before = remembered ?? (await folds.current(stream));
      const decision = await settled(transaction.decide, before.state);
      if ('events' in decision && decision.events.length > 0) {
        const done = await append(parts, transaction, before, decision.events);
        if (done) return done;
        continue;
      }
      // Others may have written since. An append finds that out by itself; this has to be decided on the present state.
      if (remembered) continue;
      // The same command may have acted in another process meanwhile, and that is why.
      await requireNew(parts.log, transaction);
      if ('error' in decision) throw decision.error;
      return { events: [], state: before.state };
    }
    throw new Overtaken(`${stream} was changed by others ${limits.transactAttemptsMax} times in a row`);
  });
}

/** The log judges a keyed command together with its append. What appends nothing must not answer for what it did before. */
async function requireNew(
  log: EventLog,
  { isKeyed, meta }: { readonly isKeyed?: boolean; readonly meta: Metadata },
): Promise<void> {
  const place = isKeyed ? await log.findCommand(meta.commandId) : undefined;
  if (place) throw new CommandKnown(place);
}

/** What is decided, or why it cannot be. */
async function settled<State, Event>(
  decide: (state: State) => Awaitable<readonly Event[]>,
  state: State,
): Promise<{ readonly events: readonly Event[] } | { readonly error: unknown }> {
  try {
    return { events: await decide(state) };
  } catch (error) {
    return { error };
  }
}

/** Nothing when the stream is at another revision. */
async function append<State, Event extends DomainEvent, Read extends DomainEvent>(
  parts: TransactionParts,
  { stream, tenant, meta, isKeyed, folds, onAppend, onCommitted }: Transaction<State, Event, Read>,
  before: Folded<State>,
  decided: readonly Event[],
): Promise<Transacted<State, Event> | undefined> {
  const at = new Date(parts.clock.now()).toISOString();
  // New for each attempt: the log takes events with the ids of an earlier attempt for that one.
  const wrapped = decided.map((event) => ({ event, id: parts.ids.event(), tenant, at, meta }));
  const encoded = wrapped.map(({ event, ...wrapping }) => parts.codec.encode(event, wrapping));

  const command = isKeyed ? meta.commandId : undefined;
  const appending = parts.log.append(stream, before.revision, encoded, { user: meta.owner, command });
  let folded: Folded<State> | undefined;
  const ahead = () => {
    const read = () => wrapped.map(({ event, ...wrapping }) => ({ ...event, ...wrapping }) as unknown as Read);
    folded ??= folds.after(before, encoded, read());
    return folded;
  };
  const committed = appending.then(isCommitted, () => false);
  onAppend?.(decided, { committed, ahead: () => ahead().state });
  const outcome = await appending;
  if (outcome.outcome === 'unavailable') throw new LogUnavailable(`${stream} cannot be written now`);
  if (outcome.outcome === 'command-known')
    throw new CommandKnown({ stream: outcome.stream, revision: outcome.revision });
  if (!isCommitted(outcome)) return undefined;
  const first = before.revision === 'none' ? 0 : before.revision + 1;
  onCommitted?.(asRead(stream, first, encoded, decided, meta));
  const events = decided.map((event, nth) => ({ ...event, revision: first + nth, at }));
  folds.remember(stream, ahead());
  return { events, state: ahead().state };
}

/** The events of one append as a reader of the log gets them. */
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
