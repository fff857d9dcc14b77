import type { OnApplicationBootstrap, OnApplicationShutdown, Provider } from '@nestjs/common';
import type { Config } from '../config.js';
import { limits } from '../limits.js';
import { projections, shapeOf } from '../projections/all.js';
import { ProjectionHost } from '../projections/projection-host.js';
import type { LaneParts } from '../projections/projection-lane.js';
import { ListProjectionsHandler } from '../projections/queries/list-projections.js';
import { ProjectionReports } from '../projections/queries/projection-reports.js';
import { Rebuilds } from '../projections/rebuilds.js';
import type { Engines } from './engines.js';

/** The read models: their tables are there in every process, their lanes run where the role is. */
export function projectionSide(
  { builds, buildStates, lanes: store }: Engines,
  config: Config,
  parts: Omit<LaneParts, 'store' | 'share'>,
): { reports: ProjectionReports; providers: Provider[] } {
  const shapes = projections.map((projection) => shapeOf(projection, limits.projectionLanes));
  const host = config.roles.includes('projections')
    ? new ProjectionHost(projections, { ...parts, store, builds })
    : undefined;
  const hosted: OnApplicationBootstrap & OnApplicationShutdown = {
    async onApplicationBootstrap() {
      await builds.prepare(shapes);
      host?.start();
    },
    async onApplicationShutdown() {
      await host?.stop();
    },
  };
  const reports = new ProjectionReports(projections, { ...parts, builds: buildStates });
  const providers = [
    { provide: 'projections', useFactory: () => hosted },
    { provide: Rebuilds, useFactory: () => new Rebuilds(shapes, builds, parts.leases, () => host?.wake()) },
    { provide: ListProjectionsHandler, useFactory: () => new ListProjectionsHandler(reports) },
  ];
  return { reports, providers };
}
