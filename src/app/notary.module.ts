import { Inject, Module, type OnApplicationBootstrap } from '@nestjs/common';
import { PrometheusMetrics } from '../adapters/prometheus/prometheus-metrics.js';
import { type CheckResult, Readiness } from '../http/readiness.js';
import { limits } from '../limits.js';
import { CensusTaker } from '../notary/census-taker.js';
import { CensusWork } from '../notary/census-work.js';
import { Notary } from '../notary/notary.js';
import { type Lag, lagOf } from '../ports/lag.js';
import { BackgroundModule, RUNNER_PARTS } from './background.module.js';
import { BackgroundWork } from './background-work.js';
import { gaugeLag } from './lag-metrics.js';
import { OperationsModule } from './operations.module.js';
import { PORTS } from './ports.module.js';
import { provider, token } from './provider.js';
import { type Survey, Surveys } from './survey.js';

const LAG = token<Survey<Lag>>('lag of the record');
const TROUBLES = token<Survey<ReadonlyMap<string, string>>>('troubles of the record');

const { log, codec, clock, ids, telemetry, census, record: store, keptNotes: kept, recordKeys, incarnations } = PORTS;

/** The record: the notary, which the role `projections` runs, since it is a reader of the log with tables of its own. */
@Module({
  imports: [OperationsModule, BackgroundModule],
  providers: [
    provider(
      Notary,
      { parts: RUNNER_PARTS, store, kept, recordKeys, incarnations, meter: PrometheusMetrics },
      ({ parts, recordKeys, incarnations, ...own }) =>
        new Notary({
          ...parts,
          ...own,
          keys: recordKeys,
          incarnation: incarnations.at(-1) as string,
        }),
    ),
    provider(
      CensusWork,
      { parts: RUNNER_PARTS, log, codec, clock, ids, record: store, store: census, telemetry },
      ({ parts, telemetry: { warn }, ...own }) => new CensusWork(new CensusTaker({ ...own, warn }), parts),
    ),
    provider(LAG, { notary: Notary, parts: RUNNER_PARTS, surveys: Surveys }, ({ notary, parts, surveys }) =>
      surveys.of('lag of the record', async () => lagOf(await notary.backlog(), parts.clock.now())),
    ),
    provider(TROUBLES, { store, surveys: Surveys }, ({ store, surveys }) =>
      surveys.of('trees of the record', () => store.troubles(limits.recordTroublesMax)),
    ),
  ],
})
export class NotaryModule implements OnApplicationBootstrap {
  constructor(
    private readonly notary: Notary,
    private readonly census: CensusWork,
    private readonly background: BackgroundWork,
    @Inject(LAG) lag: Survey<Lag>,
    @Inject(TROUBLES) troubles: Survey<ReadonlyMap<string, string>>,
    readiness: Readiness,
    metrics: PrometheusMetrics,
  ) {
    readiness.add('record', () => findingOf(notary, lag, troubles));
    gaugeLag(metrics, 'record', () => lag.known);
    metrics.gauge(
      'record_stopped',
      '1 when the notary of this process has stopped until a restart, or retries a step that fails without an outage.',
      () => (failureOf(notary) === undefined ? 0 : 1),
    );
    metrics.gauge(
      'record_notes_in_database_only',
      'Trees whose last note was missing in the data directory of this process when it became the notary.',
      () => notary.notesInDatabaseOnly,
    );
    metrics.gauge(
      'record_unsigned_trees',
      `Trees that are not signed or do not grow any more, with a reason (counted up to ${limits.recordTroublesMax}).`,
      () => troubles.known?.size ?? Number.NaN,
    );
  }

  onApplicationBootstrap(): void {
    this.background.start(this.notary, this.census);
  }
}

/** Chats continue without the record. The names of tenants are in the log of the process, because readiness needs no key. */
function findingOf(
  notary: Notary,
  lag: Survey<Lag>,
  { known: troubles }: Survey<ReadonlyMap<string, string>>,
): CheckResult {
  const failure = failureOf(notary);
  if (failure !== undefined) return { is: 'stopped', reason: failure };
  if (troubles && troubles.size > 0) {
    const [reason] = troubles.values();
    return { is: 'stopped', reason: `for ${troubles.size} of its tenants, the first because ${reason}` };
  }
  if (lag.latest.is !== 'known') return { is: 'behind', reason: 'its lag is not known' };
  const is = lag.latest.value.seconds > limits.readyLagSecondsMax ? 'behind' : 'ok';
  if (notary.notesInDatabaseOnly === 0) return { is };
  const reason = `the last notes of ${notary.notesInDatabaseOnly} trees were in the database only: the data directory lacks them`;
  return { is, reason };
}

const failureOf = ({ state }: Notary): string | undefined =>
  state.is === 'failed' || state.is === 'failing' ? state.reason : undefined;
