import { Inject, Module, type OnApplicationBootstrap } from '@nestjs/common';
import { PrometheusMetrics } from '../adapters/prometheus/prometheus-metrics.js';
import { originOf } from '../formats/record-1/note.js';
import { type CheckResult, Readiness } from '../http/readiness.js';
import { limits } from '../limits.js';
import { CensusTaker } from '../notary/census-taker.js';
import { Cosigning } from '../notary/cosigning.js';
import { Notary } from '../notary/notary.js';
import { SoleRounds } from '../notary/sole-rounds.js';
import { CENSUS } from '../ports/census.js';
import { COSIGNING } from '../ports/cosignatures.js';
import { type Lag, lagOf } from '../ports/lag.js';
import type { AskedWitness } from '../ports/witness.js';
import { recordLimits } from '../record-limits.js';
import type { RunnerParts } from '../sagas/subscription-runner.js';
import { BackgroundModule, RUNNER_PARTS } from './background.module.js';
import { BackgroundWork } from './background-work.js';
import { gaugeLag } from './lag-metrics.js';
import { OperationsModule } from './operations.module.js';
import { PORTS } from './ports.module.js';
import { provider, token } from './provider.js';
import { type Survey, Surveys } from './survey.js';

const CENSUS_ROUNDS = token<SoleRounds>('rounds of the census');
const LAG = token<Survey<Lag>>('lag of the record');
const TROUBLES = token<Survey<ReadonlyMap<string, string>>>('troubles of the record');

const {
  log,
  cosignatures,
  witnesses,
  codec,
  clock,
  ids,
  telemetry,
  census,
  record: store,
  keptNotes: kept,
  signingKeys,
  incarnations,
} = PORTS;

/** The record: the notary, which the role `projections` runs, since it is a reader of the log with tables of its own. */
@Module({
  imports: [OperationsModule, BackgroundModule],
  providers: [
    provider(
      Notary,
      { parts: RUNNER_PARTS, store, kept, signingKeys, incarnations, meter: PrometheusMetrics },
      ({ parts, signingKeys, incarnations, ...own }) =>
        new Notary({
          ...parts,
          ...own,
          keys: signingKeys,
          incarnation: incarnations.at(-1) as string,
        }),
    ),
    provider(
      CENSUS_ROUNDS,
      { parts: RUNNER_PARTS, log, codec, clock, ids, record: store, store: census, telemetry },
      ({ parts, telemetry: { warn }, ...own }) => {
        const taker = new CensusTaker({ ...own, warn });
        return new SoleRounds(
          { name: CENSUS, pauseMs: recordLimits.censusLookMs, round: (over) => taker.round(over) },
          parts,
        );
      },
    ),
    provider(
      Cosigning,
      { log, record: store, cosignatures, witnesses, clock, incarnations, telemetry },
      ({ log, incarnations, telemetry: { warn }, ...parts }) => {
        const originPrefix = async () => originOf(await log.identity(), incarnations.at(-1) as string, '');
        return new Cosigning({ ...parts, originPrefix, warn });
      },
    ),
    provider(LAG, { notary: Notary, parts: RUNNER_PARTS, surveys: Surveys }, ({ notary, parts, surveys }) =>
      surveys.of('lag of the record', async () => lagOf(await notary.backlog(), parts.clock.now())),
    ),
    provider(TROUBLES, { store, surveys: Surveys }, ({ store, surveys }) =>
      surveys.of('trees of the record', () => store.troubles(recordLimits.recordTroublesMax)),
    ),
  ],
})
export class NotaryModule implements OnApplicationBootstrap {
  constructor(
    private readonly notary: Notary,
    @Inject(CENSUS_ROUNDS) private readonly census: SoleRounds,
    private readonly cosigning: Cosigning,
    private readonly background: BackgroundWork,
    @Inject(RUNNER_PARTS) private readonly parts: RunnerParts,
    @Inject(PORTS.witnesses) private readonly witnesses: readonly AskedWitness[],
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
      `Trees that are not signed or do not grow any more, with a reason (counted up to ${recordLimits.recordTroublesMax}).`,
      () => troubles.known?.size ?? Number.NaN,
    );
    metrics.gaugeOfEach(
      'record_witness_away_seconds',
      'How long a witness has not answered while a tree waits for its cosignature. 0 in processes that do not ask.',
      'witness',
      () => cosigning.awaySeconds,
    );
    metrics.gaugeOfEach(
      'record_witness_refusals',
      'Trees that a witness refuses to cosign.',
      'witness',
      () => cosigning.refusals,
    );
  }

  onApplicationBootstrap(): void {
    this.background.start(this.notary, this.census);
    if (this.witnesses.length === 0) return;
    const round = (over: AbortSignal) => this.cosigning.round(over);
    this.background.start(new SoleRounds({ name: COSIGNING, pauseMs: recordLimits.cosignLookMs, round }, this.parts));
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
