import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import type { Reader } from '../../domain/conversation/readers.js';
import type { ListedRun, RunStatus } from '../../domain/conversation/run.js';
import type { PageAsked } from '../../ports/read-models/questions.js';
import type { ListCoverage } from '../queries/list-coverage.js';
import { type Paged, type PageRequest, pageAsked, pageOf } from '../queries/pages.js';
import { runs } from './projection.js';
import type { RunRow } from './rows.js';

interface RunFilters {
  readonly conversation?: string | undefined;
  readonly user?: string | undefined;
  readonly model?: string | undefined;
  readonly status?: RunStatus | undefined;
  /** Requested from then on, and before then. */
  readonly from?: string | undefined;
  readonly to?: string | undefined;
}

/** Words are in the question or in the answer. */
export type RunsAsked = PageAsked & RunFilters;

export interface RunQueries {
  list(asked: RunsAsked): Promise<readonly RunRow[]>;
}

/** The audit table, the latest first. */
export class ListRuns extends Query<Paged<ListedRun>> {
  constructor(
    readonly reader: Reader,
    readonly asked: PageRequest & RunFilters,
  ) {
    super();
  }
}

@QueryHandler(ListRuns)
export class ListRunsHandler implements IQueryHandler<ListRuns> {
  constructor(
    private readonly views: RunQueries,
    private readonly coverage: Pick<ListCoverage, 'wait'>,
  ) {}

  async execute({ reader, asked }: ListRuns): Promise<Paged<ListedRun>> {
    const { limit, before: _, q: __, min, ...filters } = asked;
    await this.coverage.wait(runs, reader, min);
    const rows = await this.views.list({ ...filters, ...pageAsked(reader, asked) });
    return pageOf(rows, limit, ({ requestedAt, id }) => ({ at: requestedAt ?? '', id }), listed);
  }
}

function listed({ tenant: _, requestedAt, ...run }: RunRow): ListedRun {
  return { ...run, requestedAt: requestedAt ?? '' };
}
