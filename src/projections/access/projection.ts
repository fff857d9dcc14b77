import type { CoveringList } from '../../ports/read-models/questions.js';
import { type EventsOf, isNext, type Projection, type ProjectionFilter, type Rows, unhandled } from '../projection.js';
import { type LookRow, looksTable, trailsTable } from './rows.js';

const filter = { categories: ['access'] } as const satisfies ProjectionFilter;

type Followed = EventsOf<typeof filter>;

/** The access trail: one row for each look. It covers access streams, where other lists cover conversations. */
export const access: Projection & CoveringList = {
  name: 'access',
  version: 1,
  tables: [looksTable, trailsTable],
  coverage: trailsTable,
  filter,
  onPoison: 'stop',
  touched: ({ stream, meta }: Followed) => [
    { table: trailsTable, key: stream },
    { table: looksTable, key: meta.commandId },
  ],
  apply(rows, event: Followed) {
    const seen = rows.get(trailsTable, event.stream)?.seen ?? 0;
    if (!isNext(seen, event)) return;
    rows.put(trailsTable, event.stream, { seen: seen + 1 });
    switch (event.type) {
      case 'AccessRecorded':
        addObject(rows, event);
        return;
      default:
        event.type satisfies never;
        unhandled(event as never);
    }
  },
};

/** A look has one event for each of its objects. */
function addObject(rows: Rows, { data, meta, tenant, at }: Followed): void {
  const { what, object, owner = null, filters = null, purpose = null } = data;
  const { commandId: id, actor, via = null } = meta;
  const known: LookRow = rows.get(looksTable, id) ?? {
    ...{ id, tenant, at, actor: named(actor), via: via && named(via), what, owner, filters, purpose },
    objects: [],
  };
  rows.put(looksTable, id, { ...known, objects: [...known.objects, named(object)] });
}

/** Without fields of a later release, which this one must not show. */
const named = <Kind>({ kind, id }: { readonly kind: Kind; readonly id: string }) => ({ kind, id });
