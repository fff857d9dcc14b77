import { derivedId } from '../domain/derived-id.js';
import type { DomainEvent } from '../events/catalogue.js';
import type { Codec } from '../events/codec.js';
import type { Metadata, NewEvent } from '../events/envelope.js';
import { limits } from '../limits.js';
import type { Clock } from '../ports/clock.js';
import { LogUnavailable, RetryableError } from '../ports/errors.js';
import type { EventLog } from '../ports/event-log.js';
import type { Ids } from '../ports/ids.js';
import type { Folded, Folds } from './folds.js';

export interface TransactionParts {
  readonly log: EventLog;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly ids: Ids;
}

/** Others kept writing, or ids of these events stand in another stream. */
export class Overtaken extends RetryableError {}

export type Awaitable<T> = T | Promise<T>;

export interface Transaction<State, Event extends DomainEvent, Read extends DomainEvent> {
  readonly stream: string;
  readonly tenant: string;
  /** Its command id is good for this decision alone: the ids of what is decided derive from it. */
  readonly meta: Metadata;
  readonly folds: Folds<State, Read>;
  /** It may first have to load what a pure decision is given. */
  readonly decide: (state: State) => Awaitable<readonly Event[]>;
  /**
   * Called when the events are on their way; what it appends at once leaves with them. They are committed when it is
   * this call that has written them.
   */
  readonly onAppend?: (events: readonly Event[], onItsWay: OnItsWay<State>) => void;
}

/** A decision between its making and its commit. */
export interface OnItsWay<State> {
  readonly committed: Promise<boolean>;
  /** The stream as it will be. Making it takes a moment that is best spent while the log flushes. */
  readonly ahead: () => State;
}

/** A decided event that now stands in the log, and where. */
export type Committed<Event> = Event & { readonly revision: number; readonly at: string };

export interface Transacted<State, Event> {
  readonly events: readonly Committed<Event>[];
  /** With those events, and perhaps with what others wrote behind them. */
  readonly state: State;
}

/**
 * Decides on what a stream was folded to and appends the decision there; and again when another writer was faster.
 * What is remembered may be out of date: an append finds that out by itself, and what appends nothing, a refusal as
 * much as a decision that there is nothing to do, is decided once more on what stands.
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
    return decideAndAppend(parts, transaction);
  });
}

async function decideAndAppend<State, Event extends DomainEvent, Read extends DomainEvent>(
  parts: TransactionParts,
  transaction: Transaction<State, Event, Read>,
): Promise<Transacted<State, Event>> {
  const { stream, folds, decide } = transaction;
  const remembered = folds.last(stream);
  const done = remembered && (await attempt(parts, transaction, remembered, ifAny(decide)));
  if (done) return done;
  for (let tries = 1; tries <= limits.transactAttemptsMax; tries++) {
    const again = await attempt(parts, transaction, await folds.current(stream), decide);
    if (again) return again;
  }
  throw new Overtaken(`${stream} was changed by others ${limits.transactAttemptsMax} times in a row`);
}

/** Nothing when the stream stands elsewhere. */
async function attempt<State, Event extends DomainEvent, Read extends DomainEvent>(
  parts: TransactionParts,
  { stream, tenant, meta, folds, onAppend }: Transaction<State, Event, Read>,
  before: Folded<State>,
  decide: (state: State) => Awaitable<readonly Event[] | undefined>,
): Promise<Transacted<State, Event> | undefined> {
  const decided = await decide(before.state);
  if (!decided) return undefined;
  if (decided.length === 0) return { events: [], state: before.state };
  const at = new Date(parts.clock.now()).toISOString();
  const wrapped = decided.map((event, nth) => ({ event, id: derivedId(meta.commandId, `${nth}`), tenant, at, meta }));
  const encoded = wrapped.map(({ event, ...wrapping }) => parts.codec.encode(event, wrapping));

  const appending = append(parts, stream, before, encoded, meta.owner);
  let folded: Folded<State> | undefined;
  const ahead = () => {
    const read = () => wrapped.map(({ event, ...wrapping }) => ({ ...event, ...wrapping }) as unknown as Read);
    folded ??= folds.after(before, encoded, read());
    return folded;
  };
  const committed = appending.then(
    (outcome) => outcome === 'written',
    () => false,
  );
  onAppend?.(decided, { committed, ahead: () => ahead().state });
  // What stands there already may be another request's with the same key: what stands is for the decision to judge.
  if ((await appending) !== 'written') return undefined;
  const first = before.revision === 'none' ? 0 : before.revision + 1;
  const events = decided.map((event, nth) => ({ ...event, revision: first + nth, at }));
  folds.remember(stream, ahead());
  return { events, state: ahead().state };
}

async function append(
  { log }: TransactionParts,
  stream: string,
  { revision }: Folded<unknown>,
  events: readonly NewEvent[],
  user: string | undefined,
): Promise<'written' | 'not written'> {
  const { outcome } = await log.append(stream, revision, events, user);
  if (outcome === 'unavailable') throw new LogUnavailable(`${stream} cannot be written now`);
  return outcome === 'appended' ? 'written' : 'not written';
}

/** Only a decision that appends can be made without looking: the log will say when it came too late. */
function ifAny<State, Event>(decide: (state: State) => Awaitable<readonly Event[]>) {
  return async (state: State): Promise<readonly Event[] | undefined> => {
    try {
      const events = await decide(state);
      return events.length > 0 ? events : undefined;
    } catch {
      return undefined;
    }
  };
}
