import { Module } from '@nestjs/common';
import { PrometheusMetrics } from '../adapters/prometheus/prometheus-metrics.js';
import { BackgroundFailures } from '../background/background-part.js';
import { HealthController } from '../http/health.controller.js';
import { Exposition, MetricsController } from '../http/metrics.controller.js';
import { type CheckResult, Readiness } from '../http/readiness.js';
import { PORTS } from './ports.module.js';
import { provider } from './provider.js';
import { answering, Surveys } from './survey.js';

const { log, work, clock, telemetry } = PORTS;

/** What operators see of a process in every role: health, readiness and metrics. */
@Module({
  controllers: [HealthController, MetricsController],
  providers: [
    provider(BackgroundFailures, { log, telemetry }, ({ log, telemetry: { metrics, error } }) => {
      const failures = new BackgroundFailures(metrics, error);
      const labels = () => new Map([...failures.metricLabels].map((label) => [label, 1]));
      metrics.gaugeOfEach('background_failing', '1 while this part of the background work fails.', 'part', labels);
      log.reportTo?.(failures);
      return failures;
    }),
    provider(Surveys, { clock, work, telemetry }, ({ clock, work, telemetry: { metrics, warn } }) => {
      const surveys = new Surveys({ clock, warn });
      // In every process, so that it is seen also when no process with the role saga is left.
      const oldest = surveys.of('oldest prompt', () => work.oldestWaitingMs());
      metrics.gauge(
        'work_oldest_prompt_seconds',
        'Age of the oldest prompt that no process answers; 0 when none waits.',
        () => (oldest.known ?? Number.NaN) / 1_000,
      );
      return surveys;
    }),
    provider(
      Readiness,
      { log, surveys: Surveys, failures: BackgroundFailures, metrics: PrometheusMetrics },
      ({ log, surveys, failures, metrics }) => {
        const readiness = new Readiness();
        readiness.add('log', answering(surveys.of('log', () => log.head())));
        readiness.add('background', () => backgroundFinding(failures));
        metrics.gaugeOfEach(
          'readiness',
          '1 for the status of GET /health/ready: starting, ready, unavailable or draining.',
          'status',
          () => new Map([[readiness.report().status, 1]]),
        );
        return readiness;
      },
    ),
    { provide: Exposition, useExisting: PrometheusMetrics },
  ],
  exports: [Readiness, BackgroundFailures, Surveys],
})
export class OperationsModule {}

function backgroundFinding({ failing }: BackgroundFailures): CheckResult {
  if (failing.size === 0) return { is: 'ok' };
  return { is: 'failing', reason: [...failing].map(([part, reason]) => `${part}: ${reason}`).join('; ') };
}
