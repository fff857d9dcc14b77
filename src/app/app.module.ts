import { type DynamicModule, Module } from '@nestjs/common';
import { APP_FILTER, APP_GUARD, APP_PIPE, Reflector } from '@nestjs/core';
import { CqrsModule } from '@nestjs/cqrs';
import { systemClock } from '../adapters/system/system-clock.js';
import { systemIds } from '../adapters/system/system-ids.js';
import { Authenticator } from '../auth/authenticator.js';
import { CachedKeys } from '../auth/cached-keys.js';
import { FailedKeys } from '../auth/failed-keys.js';
import { KeyMint } from '../auth/key-mint.js';
import { RoleGuard } from '../auth/role.guard.js';
import { BackgroundFailures } from '../background/background-failures.js';
import { CreateTenantHandler } from '../commands/create-tenant.js';
import { Folds } from '../commands/folds.js';
import { IssueKeyHandler } from '../commands/issue-key.js';
import { OpenDefaultTenantHandler } from '../commands/open-default-tenant.js';
import { RevokeKeyHandler } from '../commands/revoke-key.js';
import type { TenantParts } from '../commands/transact-tenant.js';
import type { Config } from '../config.js';
import { conversationStream } from '../domain/conversation/conversation.js';
import { tenant } from '../domain/tenant.js';
import { createCodec } from '../events/codec.js';
import { ConversationsController } from '../http/conversations.controller.js';
import { HealthController } from '../http/health.controller.js';
import { KeysController } from '../http/keys.controller.js';
import { MeController } from '../http/me.controller.js';
import { Exposition, MetricsController } from '../http/metrics.controller.js';
import { ProblemFilter } from '../http/problem.filter.js';
import { ProjectionsController } from '../http/projections.controller.js';
import { QueryGuard } from '../http/query.guard.js';
import { type Check, type Checks, Readiness, type Told } from '../http/readiness.js';
import { RequestValidationPipe } from '../http/request-validation.pipe.js';
import { TenantsController } from '../http/tenants.controller.js';
import { TurnsController } from '../http/turns.controller.js';
import { limits } from '../limits.js';
import { Advances } from '../projections/advances.js';
import { ListKeysHandler } from '../projections/queries/list-keys.js';
import type { ProjectionReport, ProjectionReports } from '../projections/queries/projection-reports.js';
import { recordKeys } from '../projections/record-keys.js';
import type { RunnerParts, Subscription } from '../sagas/subscription-runner.js';
import { CatchUpLog } from './catch-up-log.js';
import { conversationSide, type Telemetry } from './conversation-side.js';
import type { Engines } from './engines.js';
import { gaugeLags } from './lag-metrics.js';
import { projectionSide } from './projection-side.js';
import { readSide } from './read-side.js';
import { relaySide } from './relay-side.js';
import { KEYS, Subscriptions } from './subscriptions.js';
import { type Survey, Surveys } from './survey.js';

@Module({})
class AppModule {}

const API = [
  KeysController,
  MeController,
  TenantsController,
  ConversationsController,
  TurnsController,
  ProjectionsController,
];

/** Puts the parts together. Handlers are plain classes: what they get stands here, not in decorators. */
export function appModule(engines: Engines, config: Config, telemetry: Telemetry): DynamicModule {
  const { log } = engines;
  const keys = new CachedKeys(engines.keys, systemClock);
  const codec = createCodec();
  const tenants = new Folds(log, codec, tenant);
  const tenantParts: TenantParts = { log, codec, clock: systemClock, ids: systemIds, tenants, keys };
  const { metrics, warn } = telemetry;
  const health = new BackgroundFailures(metrics, telemetry.error);
  countFailing(metrics, health);
  log.reportTo?.(health);
  const { leaseMs } = config;
  const incarnation = engines.incarnations.at(-1) as string;
  const runner: RunnerParts = { ...engines, clock: systemClock, holder: systemIds.random(), leaseMs, warn, health };
  const surveys = new Surveys({ clock: systemClock, warn });
  const subscriptions = new Subscriptions(runner, metrics, surveys);
  gaugeOldestPrompt(metrics, engines, surveys);
  const side = { codec, worker: runner.holder, subscriptions, health };
  const { conversations, live, providers } = conversationSide(engines, config, side, telemetry);
  const { feedsPerUserMax } = config;
  const advances = new Advances();
  const reading = readSide({
    ...{ ...engines, codec, live, advances, feedsPerUserMax, metrics },
    clock: systemClock,
    heads: conversations,
    knownToHave: (id) => conversations.last(conversationStream(id))?.state.seen ?? 0,
  });
  const projecting = projectionSide(engines, config, { ...runner, codec, advances });
  const checks = readinessChecks(engines, surveys, projectionSurvey(config, telemetry, projecting.reports, surveys));
  const relaying = relaySide(config, { ...runner, incarnation }, metrics, surveys);
  const readiness = new Readiness({ ...checks, background: () => backgroundFinding(health), ...relaying.checks });
  metrics.gaugeOfEach(
    'readiness',
    '1 for the status of GET /health/ready: starting, ready, unavailable or draining.',
    'status',
    () => new Map([[readiness.report().status, 1]]),
  );
  return {
    module: AppModule,
    imports: [CqrsModule.forRoot()],
    controllers: [
      HealthController,
      MetricsController,
      ...(config.roles.includes('api') ? [...API, ...reading.controllers] : []),
    ],
    providers: [
      { provide: APP_FILTER, useFactory: () => new ProblemFilter() },
      { provide: APP_PIPE, useFactory: () => new RequestValidationPipe() },
      { provide: APP_GUARD, useFactory: (reflector: Reflector) => new RoleGuard(reflector), inject: [Reflector] },
      { provide: APP_GUARD, useFactory: (reflector: Reflector) => new QueryGuard(reflector), inject: [Reflector] },
      { provide: Surveys, useFactory: () => surveys },
      { provide: Readiness, useFactory: () => readiness },
      { provide: Exposition, useFactory: () => new Exposition(metrics.contentType, () => metrics.text()) },
      { provide: Authenticator, useFactory: () => new Authenticator(keys, new FailedKeys(systemClock)) },
      { provide: KeyMint, useFactory: () => new KeyMint(systemIds) },
      { provide: OpenDefaultTenantHandler, useFactory: () => new OpenDefaultTenantHandler(tenantParts) },
      { provide: CreateTenantHandler, useFactory: () => new CreateTenantHandler(tenantParts) },
      { provide: IssueKeyHandler, useFactory: () => new IssueKeyHandler(tenantParts) },
      { provide: RevokeKeyHandler, useFactory: () => new RevokeKeyHandler(tenantParts) },
      { provide: ListKeysHandler, useFactory: () => new ListKeysHandler(keys) },
      ...providers,
      ...reading.providers,
      ...projecting.providers,
      ...relaying.providers,
      ...(config.roles.includes('projections') ? [subscriptions.hosted(keysSubscription(tenantParts))] : []),
    ],
  };
}

/** The parts that a request needs. */
function readinessChecks(
  { log, buildStates }: Engines,
  surveys: Surveys,
  reports: Survey<readonly ProjectionReport[]>,
): Checks {
  return {
    log: answering(surveys.of('log', () => log.head())),
    readModels: answering(surveys.of('read models', () => buildStates.list())),
    projections: () => toldOfProjections(reports),
  };
}

const answering =
  (survey: Survey<unknown>): Check =>
  () => ({ is: survey.latest.is === 'known' ? 'ok' : 'unavailable' });

/** A process whose views are behind, or whose lag is not known, still serves: other checks say whether a store is away. */
function toldOfProjections({ latest }: Survey<readonly ProjectionReport[]>): Told {
  if (latest.is !== 'known') return { is: 'behind', reason: 'their lag is not known' };
  return { is: latest.value.some(isBehind) ? 'behind' : 'ok' };
}

function backgroundFinding({ failing }: BackgroundFailures): Told {
  if (failing.size === 0) return { is: 'ok' };
  return { is: 'failing', reason: [...failing].map(([part, reason]) => `${part}: ${reason}`).join('; ') };
}

function countFailing(metrics: Telemetry['metrics'], health: BackgroundFailures): void {
  const failing = () => new Map([...health.metricLabels].map((label) => [label, 1]));
  metrics.gaugeOfEach('background_failing', '1 while this part of the background work fails.', 'part', failing);
}

const isBehind = ({ state, lag }: ProjectionReport): boolean =>
  state === 'stopped' || lag.seconds > limits.projectionLagSecondsMax;

/** One report for the metrics, for readiness and for the log. */
function projectionSurvey(
  { roles }: Config,
  { metrics, info }: Telemetry,
  reports: ProjectionReports,
  surveys: Surveys,
): Survey<readonly ProjectionReport[]> {
  const catchUp = roles.includes('projections') ? new CatchUpLog(systemClock, info) : undefined;
  const survey = surveys.of('lag of projections', async () => {
    const all = await reports.all();
    catchUp?.note(all);
    return all;
  });
  const known = <T>(of: (report: ProjectionReport) => T) =>
    new Map((survey.known ?? []).map((report) => [report.name, of(report)]));
  gaugeLags(metrics, 'projection', () => known(({ lag }) => lag));
  const gauge = (name: string, help: string, of: (report: ProjectionReport) => number) =>
    metrics.gaugeOfEach(name, help, 'projection', () => known(of));
  gauge('projection_parked_streams', 'Streams that the projection has parked.', ({ parked }) => parked.length);
  gauge('projection_stopped', '1 when the projection has stopped.', ({ state }) => (state === 'stopped' ? 1 : 0));
  return survey;
}

/** Told by every process, so that it is seen also when no process with the role saga is left. */
function gaugeOldestPrompt(metrics: Telemetry['metrics'], { work }: Engines, surveys: Surveys): void {
  const oldest = surveys.of('oldest prompt', () => work.oldestWaitingMs());
  metrics.gauge(
    'work_oldest_prompt_seconds',
    'Age of the oldest prompt that no process answers; 0 when none waits.',
    () => (oldest.known ?? Number.NaN) / 1_000,
  );
}

/** Keeps the table of keys up to date. */
const keysSubscription = ({ codec, keys }: TenantParts): Subscription => ({
  ...KEYS,
  handle: recordKeys(codec, keys),
});
