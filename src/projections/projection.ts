import type { AccessEvent } from '../events/access-events.js';
import type { DomainEvent } from '../events/catalogue.js';
import type { TypedEvent } from '../events/codec.js';
import { type ConversationEvent, type GenerationEvent, isOfTape } from '../events/conversation-events.js';
import { TerminalError } from '../ports/errors.js';
import type { ProjectionShape, RowKey } from '../ports/read-models/read-models.js';
import type { AnyTable, Table } from '../ports/read-models/table.js';

interface EventsByCategory {
  conversation: ConversationEvent;
  generation: GenerationEvent;
  access: AccessEvent;
}

/** The events that a projection follows: those of these stream categories, without the types that it leaves out. */
export interface ProjectionFilter {
  readonly categories: readonly (keyof EventsByCategory)[];
  readonly withoutTypes?: readonly DomainEvent['type'][];
}

/** The events that pass a filter. A new event type is one of them until the filter leaves it out. */
export type EventsOf<Filter extends ProjectionFilter> = TypedEvent<
  Exclude<
    EventsByCategory[Filter['categories'][number]],
    Filter extends { readonly withoutTypes: readonly (infer Type)[] } ? { readonly type: Type } : never
  >
>;

/** For the default branch of a switch: an event type that no branch names does not compile. */
export function unhandled(event: never): never {
  throw new TerminalError(`no branch handles ${(event as TypedEvent).type}`);
}

/** The rows that a batch of events works on. Reading a row that `touched` does not name throws. */
export interface Rows {
  get<Row>(table: Table<Row>, key: string): Row | undefined;
  put<Row>(table: Table<Row>, key: string, row: NoInfer<Row>): void;
  remove(table: AnyTable, key: string): void;
}

/** One read model: its events, and their changes of its rows. Pure: its lane does all I/O. */
export interface Projection extends ProjectionShape {
  readonly filter: ProjectionFilter;
  /**
   * At an event that cannot be applied: `park` its conversation, whose later events wait, or `stop` the lane, where rows
   * that silently leave something out would be worse than old rows. Only rows that belong to one conversation can be parked.
   */
  readonly onPoison: 'park' | 'stop';
  /** The rows that `apply` may read. */
  touched(event: TypedEvent): readonly RowKey[];
  /** An event that is applied again changes nothing: a replay applies a parked stream from its beginning. */
  apply(rows: Rows, event: TypedEvent): void;
}

/** An event of the ledger came before the one that precedes it. The missing event must not be skipped. */
export class Gap extends TerminalError {}

/**
 * Whether this is the next event of a ledger of which `seen` events were applied. False: it was applied before, or it is on a
 * tape, where a later release records the prompts of its further attempts.
 */
export function isNext(seen: number, event: TypedEvent): boolean {
  const { stream, revision } = event;
  if (isOfTape(event)) return false;
  if (revision > seen)
    throw new Gap(`${stream} continues with event ${revision}, and ${seen} of its events were applied`);
  return revision === seen;
}
