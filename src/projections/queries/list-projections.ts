import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import type { ProjectionReport, ProjectionReports } from './projection-reports.js';

/** The progress of each projection. */
export class ListProjections extends Query<readonly ProjectionReport[]> {}

@QueryHandler(ListProjections)
export class ListProjectionsHandler implements IQueryHandler<ListProjections> {
  constructor(private readonly reports: ProjectionReports) {}

  execute(): Promise<readonly ProjectionReport[]> {
    return this.reports.all();
  }
}
