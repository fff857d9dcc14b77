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
