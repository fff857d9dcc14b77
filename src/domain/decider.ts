import type { Metadata } from '../events/envelope.js';

/**
 * The parts of an event that a fold reads. Decoded events of the log have them, and so have the events of a decision that is
 * not appended, which have no stream and no revision.
 */
export type Recorded<Event> = Event & {
  readonly id: string;
  readonly tenant: string;
  readonly at: string;
  readonly meta: Pick<Metadata, 'commandId' | 'correlationId' | 'fingerprint' | 'owner' | 'traceparent'>;
};

/** The fold of an aggregate: its initial state, and the change of each event. */
export interface Aggregate<State, Event> {
  readonly initial: State;
  /** Must not throw, because the event is recorded. */
  readonly evolve: (state: State, event: Event) => State;
  /** True if the state keeps the texts of an event in memory. Absent: always. */
  readonly keepsTexts?: (event: Event) => boolean;
  /** Stores the bytes of the cached fold in the state. Absent: no decision depends on them. */
  readonly weighed?: (state: State, bytes: number) => State;
}

/** Returns new events, or none if the state has them already. Throws a Refusal. */
export type Decide<State, Event> = (state: State) => readonly Event[];
