import { Inject, Module, type OnApplicationBootstrap } from '@nestjs/common';
import type { PrometheusMetrics } from '../adapters/prometheus/prometheus-metrics.js';
import { CachedKeys } from '../auth/cached-keys.js';
import type { Codec } from '../events/codec.js';
import { type CheckResult, Readiness } from '../http/readiness.js';
import { limits } from '../limits.js';
import type { Builds } from '../ports/read-models/read-models.js';
import { ListAccessHandler } from '../projections/access/query.js';
import { Advances } from '../projections/advances.js';
import { projections } from '../projections/all.js';
import { ProjectionHost } from '../projections/projection-host.js';
import { ListCoverage } from '../projections/queries/list-coverage.js';
import {
  ListProjectionsHandler,
  type ProjectionReport,
  ProjectionReports,
} from '../projections/queries/projection-reports.js';
import { Shown } from '../projections/queries/shown.js';
import { Rebuilds } from '../projections/rebuilds.js';
import { recordKeys } from '../projections/record-keys.js';
import { BackgroundModule, RUNNER_PARTS } from './background.module.js';
import { BackgroundWork } from './background-work.js';
import { CatchUpLog } from './catch-up-log.js';
import { gaugeLags } from './lag-metrics.js';
import { OperationsModule } from './operations.module.js';
import { PORTS } from './ports.module.js';
import { provider, token } from './provider.js';
import { listHandlers } from './read-models.js';
import { Subscriptions } from './subscriptions.js';
import { answering, type Survey, Surveys } from './survey.js';
import { TenantsModule } from './tenants.module.js';

/** One report for the metrics, for readiness and for the log. */
const REPORT = token<Survey<readonly ProjectionReport[]>>('report of all projections');

const { config, telemetry, log, codec, clock, hints, leases, builds, lanes, views, buildStates } = PORTS;

/** The read models and their queries. Every process makes their tables, and the module of their role starts the lanes. */
@Module({
  imports: [OperationsModule, BackgroundModule],
  providers: [
    provider(Advances, { hints, clock }, ({ hints, clock }) => new Advances(hints, clock)),
    Shown,
    provider(
      ProjectionHost,
      { parts: RUNNER_PARTS, codec, store: lanes, builds, advances: Advances, telemetry },
      ({ parts, telemetry: { tracer }, ...stores }) => new ProjectionHost(projections, { ...parts, ...stores, tracer }),
    ),
    provider(
      ProjectionReports,
      { log, clock, builds: buildStates },
      (parts) => new ProjectionReports(projections, parts),
    ),
    provider(
      REPORT,
      { reports: ProjectionReports, buildStates, config, clock, telemetry, surveys: Surveys, readiness: Readiness },
      ({ reports, buildStates, config, clock, telemetry: { metrics, info }, surveys, readiness }) => {
        const catchUp = config.roles.includes('projections') ? new CatchUpLog(clock, info) : undefined;
        const report = surveys.of('lag of projections', async () => {
          const all = await reports.all();
          catchUp?.note(all);
          return all;
        });
        readiness.add('readModels', answering(surveys.of('read models', () => buildStates.list())));
        readiness.add('projections', () => findingOf(report));
        gaugeReport(metrics, report);
        return report;
      },
    ),
    provider(
      Rebuilds,
      { builds, leases, host: ProjectionHost },
      ({ builds, leases, host }) => new Rebuilds(projections, builds, leases, () => host.wake()),
    ),
    provider(ListCoverage, { views, clock, advances: Advances, shown: Shown }, (parts) => new ListCoverage(parts)),
    provider(
      ListProjectionsHandler,
      { reports: ProjectionReports },
      ({ reports }) => new ListProjectionsHandler(reports),
    ),
    provider(
      ListAccessHandler,
      { views, keys: PORTS.keys, coverage: ListCoverage },
      ({ views, keys, coverage }) => new ListAccessHandler(views.access, keys, coverage),
    ),
    ...listHandlers.map(([handler, make]) =>
      provider(handler, { views, coverage: ListCoverage }, ({ views, coverage }) => make(views, coverage)),
    ),
  ],
  exports: [Advances, Shown, ProjectionHost, Rebuilds],
})
export class ReadModelsModule implements OnApplicationBootstrap {
  constructor(@Inject(PORTS.builds) private readonly builds: Builds) {}

  async onApplicationBootstrap(): Promise<void> {
    await this.builds.prepare(projections);
  }
}

/** The role `projections`: runs the lanes of the read models, and keeps the table of keys up to date. */
@Module({ imports: [ReadModelsModule, TenantsModule, BackgroundModule] })
export class ProjectionsRoleModule implements OnApplicationBootstrap {
  constructor(
    private readonly host: ProjectionHost,
    private readonly background: BackgroundWork,
    private readonly subscriptions: Subscriptions,
    private readonly keys: CachedKeys,
    @Inject(PORTS.codec) private readonly codec: Codec,
  ) {}

  onApplicationBootstrap(): void {
    this.background.start(this.host, this.subscriptions.runner('keys', recordKeys(this.codec, this.keys)));
  }
}

/** A process whose views are behind, or whose lag is not known, still serves: other checks say whether a store is away. */
function findingOf({ latest }: Survey<readonly ProjectionReport[]>): CheckResult {
  if (latest.is !== 'known') return { is: 'behind', reason: 'their lag is not known' };
  return { is: latest.value.some(isBehind) ? 'behind' : 'ok' };
}

const isBehind = ({ state, lag }: ProjectionReport): boolean =>
  state === 'stopped' || lag.seconds > limits.readyLagSecondsMax;

function gaugeReport(metrics: PrometheusMetrics, survey: Survey<readonly ProjectionReport[]>): void {
  const known = <T>(of: (report: ProjectionReport) => T) =>
    new Map((survey.known ?? []).map((report) => [report.name, of(report)]));
  const gauge = (name: string, help: string, of: (report: ProjectionReport) => number) =>
    metrics.gaugeOfEach(name, help, 'projection', () => known(of));
  gaugeLags(metrics, 'projection', () => known(({ lag }) => lag));
  gauge('projection_parked_streams', 'Streams that the projection has parked.', ({ parked }) => parked.length);
  gauge('projection_stopped', '1 when the projection has stopped.', ({ state }) => (state === 'stopped' ? 1 : 0));
}
