import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import { limits } from '../../limits.js';
import type { Clock } from '../../ports/clock.js';
import type { EventLog } from '../../ports/event-log.js';
import { type Lag, lagOf } from '../../ports/lag.js';
import type { BuildState, Builds, ParkedState, Poison } from '../../ports/read-models/read-models.js';
import type { Projection } from '../projection.js';

export interface BuildReport {
  readonly build: number;
  readonly version: number;
  readonly state: 'following' | 'parked' | 'stopped';
  /** Opaque. */
  readonly position: string;
  readonly lag: Lag;
  readonly handled: number;
  /** Why it has stopped. */
  readonly poison: Poison | null;
}

export interface ProjectionReport extends BuildReport {
  readonly name: string;
  readonly parked: readonly ParkedState[];
  /** A new one that is being made beside it. */
  readonly rebuild: BuildReport | null;
}

/** The progress of each projection. Every process can report it. */
export class ProjectionReports {
  constructor(
    private readonly projections: readonly Projection[],
    private readonly parts: { readonly builds: Pick<Builds, 'list'>; readonly log: EventLog; readonly clock: Clock },
  ) {}

  async all(): Promise<readonly ProjectionReport[]> {
    const builds = await this.parts.builds.list();
    return Promise.all(this.projections.map((projection) => this.report(projection, builds)));
  }

  private async report(projection: Projection, builds: readonly BuildState[]): Promise<ProjectionReport> {
    const ours = builds.filter((build) => build.projection === projection.name);
    const live = ours.find(({ state }) => state === 'live') as BuildState;
    const next = ours.find(({ state }) => state === 'building');
    return {
      name: projection.name,
      ...(await this.reportOf(projection, live)),
      parked: live.parked,
      rebuild: next ? await this.reportOf(projection, next) : null,
    };
  }

  private async reportOf({ filter }: Projection, state: BuildState): Promise<BuildReport> {
    const { log, clock } = this.parts;
    const { build, version, position, handled, poison, parked } = state;
    const backlog = await log.backlog(position, limits.backlogCountMax, filter);
    return {
      ...{ build, version, position, handled, poison },
      state: poison ? 'stopped' : parked.length > 0 ? 'parked' : 'following',
      lag: lagOf(backlog, clock.now()),
    };
  }
}

/** The progress of each projection. */
export class ListProjections extends Query<readonly ProjectionReport[]> {}

@QueryHandler(ListProjections)
export class ListProjectionsHandler implements IQueryHandler<ListProjections> {
  constructor(private readonly reports: ProjectionReports) {}

  execute(): Promise<readonly ProjectionReport[]> {
    return this.reports.all();
  }
}
