import type { Aggregate, Decide } from '../domain/decider.js';
import type { DomainEvent } from '../events/catalogue.js';
import type { Codec } from '../events/codec.js';
import type { Metadata } from '../events/envelope.js';
import { limits } from '../limits.js';
import type { Clock } from '../ports/clock.js';
import { LogUnavailable, TerminalError } from '../ports/errors.js';
import type { EventLog, ExpectedRevision } from '../ports/event-log.js';
import type { Ids } from '../ports/ids.js';

export interface TransactionParts {
  readonly log: EventLog;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly ids: Ids;
}

export interface Transaction<State, Event extends DomainEvent> {
  readonly stream: string;
  readonly tenant: string;
  readonly meta: Metadata;
  readonly aggregate: Aggregate<State, Event>;
  readonly decide: Decide<State, Event>;
}

/** A decided event that now stands in the log, and where. */
export type Committed<Event> = Event & { readonly revision: number; readonly at: string };

/** Loads a stream, folds it, decides, appends; and again from the start when another writer was faster. */
export async function transact<State, Event extends DomainEvent>(
  parts: TransactionParts,
  { stream, tenant, meta, aggregate, decide }: Transaction<State, Event>,
): Promise<readonly Committed<Event>[]> {
  for (let attempt = 1; attempt <= limits.transactAttemptsMax; attempt++) {
    const { state, revision } = await load(parts, stream, aggregate);
    const decided = decide(state);
    if (decided.length === 0) return [];
    const at = new Date(parts.clock.now()).toISOString();
    const events = decided.map((event) => parts.codec.encode(event, { id: parts.ids.random(), tenant, at, meta }));
    const append = await parts.log.append(stream, revision, events);
    if (append.outcome === 'unavailable') throw new LogUnavailable(`${stream} cannot be written now`);
    if (append.outcome !== 'conflict') {
      const first = append.revision - decided.length + 1;
      return decided.map((event, nth) => ({ ...event, revision: first + nth, at }));
    }
  }
  throw new LogUnavailable(`${stream} was changed by others ${limits.transactAttemptsMax} times in a row`);
}

async function load<State, Event extends DomainEvent>(
  { log, codec }: TransactionParts,
  stream: string,
  aggregate: Aggregate<State, Event>,
): Promise<{ state: State; revision: ExpectedRevision }> {
  let state = aggregate.initial;
  let revision: ExpectedRevision = 'none';
  for await (const page of log.readStream(stream)) {
    for (const recorded of page) {
      const event = codec.decode(recorded);
      // Deciding without knowing what has happened could contradict it.
      if (!event) throw new TerminalError(`${stream} holds ${recorded.type} v${recorded.schema}, of a newer version`);
      state = aggregate.evolve(state, event as unknown as Event);
      revision = recorded.revision;
    }
  }
  return { state, revision };
}
