import type { AccessAsked, AccessQueries } from '../../../src/projections/access/query.js';
import { type LookRow, looksTable } from '../../../src/projections/access/rows.js';
import type { MemoryReadModels } from './memory-read-models.js';
import { newestFirst } from './memory-rows.js';

export class MemoryAccess implements AccessQueries {
  constructor(private readonly models: MemoryReadModels) {}

  async list({ tenant, actor, owner, object, from, to, before, rowsMax }: AccessAsked): Promise<LookRow[]> {
    const rows = [...this.models.rows('access', looksTable).values()].filter(
      (row) =>
        row.tenant === tenant &&
        (actor === undefined || row.actor.id === actor) &&
        (owner === undefined || row.owner === owner) &&
        (object === undefined || row.objects.some(({ id }) => id === object)) &&
        (from === undefined || row.at >= from) &&
        (to === undefined || row.at < to),
    );
    return newestFirst(rows, ({ at, id }) => ({ at, id }), before).slice(0, rowsMax);
  }
}
