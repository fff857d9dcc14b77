import type { Reader } from '../../domain/conversation/readers.js';
import { limits } from '../../limits.js';

/** A place in a conversation, as its cursors count: events of the ledger, and of the open generation's tape. */
export interface ShownCursor {
  readonly ledger: number;
  readonly tape: number;
}

type User = Pick<Reader, 'tenant' | 'user'>;

interface Entry {
  readonly place: ShownCursor;
  /** Names of lists that cover the place, or have waited for it as long as they may. */
  readonly settled: Set<string>;
}

/** How far this process has shown each conversation to the clients of each user. Bounded: the oldest is forgotten first. */
export class Shown {
  private readonly users = new Map<string, Map<string, Entry>>();

  note(user: User, conversation: string, place: ShownCursor): void {
    const places = this.placesOf(user);
    const known = places.get(conversation);
    if (known && !isLater(place, known.place)) return;
    putLast(places, conversation, { place, settled: new Set() }, limits.shownConversationsPerUserMax);
    putLast(this.users, keyOf(user), places, limits.shownUsersMax);
  }

  /** How many events of its ledger this user has seen of a conversation, as far as this process remembers. */
  ledgerOf(user: User, conversation: string): number {
    return this.users.get(keyOf(user))?.get(conversation)?.place.ledger ?? 0;
  }

  /** Places that the list has not been held against yet. */
  unsettled(user: User, list: string): ReadonlyMap<string, ShownCursor> {
    const entries = [...(this.users.get(keyOf(user)) ?? [])].filter(([, { settled }]) => !settled.has(list));
    return new Map(entries.map(([conversation, { place }]) => [conversation, place]));
  }

  settle(user: User, list: string, places: ReadonlyMap<string, ShownCursor>): void {
    const known = this.users.get(keyOf(user));
    for (const [conversation, place] of places) {
      const entry = known?.get(conversation);
      if (entry?.place === place) entry.settled.add(list);
    }
  }

  private placesOf(user: User): Map<string, Entry> {
    return this.users.get(keyOf(user)) ?? new Map();
  }
}

const keyOf = ({ tenant, user }: User): string => `${tenant}\0${user}`;

const isLater = (one: ShownCursor, other: ShownCursor): boolean =>
  one.ledger > other.ledger || (one.ledger === other.ledger && one.tape > other.tape);

function putLast<Value>(map: Map<string, Value>, key: string, value: Value, entriesMax: number): void {
  map.delete(key);
  map.set(key, value);
  const [oldest] = map.keys();
  if (map.size > entriesMax && oldest !== undefined) map.delete(oldest);
}
