/** An aggregate, purely: what it is before anything happened, and what each event makes of it. */
export interface Aggregate<State, Event> {
  readonly initial: State;
  /** Never throws: what has happened has happened. */
  readonly evolve: (state: State, event: Event) => State;
  /** Whether the state holds on to the texts of an event, and so to the memory that they take. Absent: always. */
  readonly keepsTexts?: (event: Event) => boolean;
  /** The state, with the bytes that its remembered fold takes. Absent: no decision depends on them. */
  readonly weighed?: (state: State, bytes: number) => State;
}

/** What should happen, given what has: events, none when it has happened already, or a thrown Refusal. */
export type Decide<State, Event> = (state: State) => readonly Event[];
