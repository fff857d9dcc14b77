import { integer, type Table, text } from '../../ports/read-models/table.js';

export interface NamedThing {
  readonly kind: string;
  readonly id: string;
}

/** One look: all events of one command. */
export interface LookRow {
  /** The id of the command. */
  readonly id: string;
  readonly tenant: string;
  readonly at: string;
  readonly actor: NamedThing;
  readonly via: NamedThing | null;
  readonly what: string;
  readonly owner: string | null;
  /** The object, and the one that it is part of. */
  readonly objects: readonly NamedThing[];
  readonly filters: Readonly<Record<string, unknown>> | null;
  readonly purpose: string | null;
}

export const looksTable: Table<LookRow> = {
  name: 'looks',
  columns: [
    text('tenant', (row) => row.tenant),
    text('at', (row) => row.at),
    text('actor', (row) => row.actor.id),
    text('owner', (row) => row.owner),
    text('object', ({ objects: [object] }) => object?.id ?? null),
    text('whole', ({ objects: [, whole] }) => whole?.id ?? null),
  ],
  indexes: [
    ['tenant', 'at', 'key'],
    ['tenant', 'actor', 'at', 'key'],
    ['tenant', 'owner', 'at', 'key'],
    ['tenant', 'object', 'at', 'key'],
    ['tenant', 'whole', 'at', 'key'],
  ],
};

/** How many events of each access stream are in the rows. */
export const trailsTable: Table<{ readonly seen: number }> = {
  name: 'trails',
  columns: [integer('seen', (row) => row.seen)],
  indexes: [],
};
