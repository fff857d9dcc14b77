import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import type { Reader } from '../../domain/conversation/readers.js';
import type { RunRow } from '../../ports/read-models/rows.js';
import type { Views } from '../../ports/read-models/views.js';
import type { LeastShown, ListCoverage } from '../queries/list-coverage.js';
import { type Paged, pageEndIn, pageOf } from '../queries/pages.js';
import { scopeOf } from '../queries/scope.js';

export type ListedRun = Omit<RunRow, 'tenant'> & { readonly requestedAt: string };

export interface RunsAskedFor {
  readonly limit: number;
  readonly before?: string | undefined;
  readonly min?: LeastShown | undefined;
  readonly conversation?: string | undefined;
  readonly user?: string | undefined;
  readonly model?: string | undefined;
  readonly status?: RunRow['status'] | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly q?: string | undefined;
}

/** The audit table, the latest first. */
export class ListRuns extends Query<Paged<ListedRun>> {
  constructor(
    readonly reader: Reader,
    readonly asked: RunsAskedFor,
  ) {
    super();
  }
}

@QueryHandler(ListRuns)
export class ListRunsHandler implements IQueryHandler<ListRuns> {
  constructor(
    private readonly views: Pick<Views, 'runs'>,
    private readonly coverage: Pick<ListCoverage, 'wait'>,
  ) {}

  async execute({ reader, asked }: ListRuns): Promise<Paged<ListedRun>> {
    const { limit, before, q, min, ...filters } = asked;
    await this.coverage.wait('runs', reader, min);
    const rows = await this.views.runs({
      ...filters,
      scope: scopeOf(reader),
      words: q,
      before: before === undefined ? undefined : pageEndIn(before),
      rowsMax: limit + 1,
    });
    return pageOf(rows, limit, ({ requestedAt, id }) => ({ at: requestedAt ?? '', id }), listed);
  }
}

function listed({ tenant: _, requestedAt, ...run }: RunRow): ListedRun {
  return { ...run, requestedAt: requestedAt ?? '' };
}
