import type { RunQueries, RunsAsked } from '../../../src/projections/runs/query.js';
import { type RunRow, runsTable } from '../../../src/projections/runs/rows.js';
import type { MemoryReadModels } from './memory-read-models.js';
import { isWithin, newestFirst, saidWithin } from './memory-rows.js';

export class MemoryRuns implements RunQueries {
  constructor(private readonly models: MemoryReadModels) {}

  async list({ scope, words, before, rowsMax, from, to, ...asked }: RunsAsked): Promise<RunRow[]> {
    const said =
      words === undefined ? undefined : new Set(saidWithin(this.models, scope, words).map(({ node }) => node));
    const { user, conversation, model, status } = asked;
    const matches = (wanted: string | undefined, value: string | null) => wanted === undefined || wanted === value;
    const rows = [...this.models.rows('runs', runsTable).values()].filter(
      (row) =>
        isWithin(scope, row.tenant, row.user) &&
        row.requestedAt !== null &&
        (from === undefined || row.requestedAt >= from) &&
        (to === undefined || row.requestedAt < to) &&
        matches(user, row.user) &&
        matches(conversation, row.conversation) &&
        matches(model, row.model) &&
        matches(status, row.status) &&
        (!said || said.has(row.id) || said.has(row.message)),
    );
    return newestFirst(rows, ({ requestedAt, id }) => ({ at: requestedAt ?? '', id }), before).slice(0, rowsMax);
  }
}
