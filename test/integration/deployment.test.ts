import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { PrometheusMetrics } from '../../src/adapters/prometheus/prometheus-metrics.js';
import { limits } from '../../src/limits.js';
import { alertRules, dashboardQueries, nginxDirective, textOf } from '../support/deployment-files.js';
import { type HttpApp, startHttpApp } from '../support/http-app.js';
import { kubernetesPod } from '../support/kubernetes-files.js';
import { metricsIn } from '../support/promql.js';
import { StubKafka } from '../support/stub-kafka.js';

let kafka: StubKafka;
let http: HttpApp;
beforeAll(async () => {
  kafka = await StubKafka.start();
  http = await startHttpApp(undefined, { KAFKA_BROKERS: kafka.brokers.join(',') });
});
afterAll(async () => {
  await http.close();
  await kafka.stop();
});

/** Every name that can be asked for: a histogram is three. And what Prometheus knows of a target by itself. */
async function exposedNames(): Promise<string[]> {
  const process = new PrometheusMetrics();
  process.watchProcess();
  const { text } = await http.call('GET', '/metrics', { key: null });
  const types = [...`${text}\n${await process.text()}`.matchAll(/^# TYPE (\S+) (\S+)$/gm)];
  const names = types.flatMap(([, name, type]) =>
    type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [`${name}`],
  );
  return [...names, 'up'];
}

describe('what is deployed asks for', () => {
  it.each([...dashboardQueries(), ...alertRules().map(({ alert, expr }) => ({ title: alert, expr }))])(
    'metrics that there are: $title',
    async ({ expr }) => {
      expect(metricsIn(expr)).not.toEqual([]);
      expect(await exposedNames()).toEqual(expect.arrayContaining(metricsIn(expr)));
    },
  );

  it('paths that are answered', async () => {
    const { startupProbe, livenessProbe, readinessProbe } = kubernetesPod().containers[0];
    const probed = [startupProbe, livenessProbe, readinessProbe].map(({ httpGet }) => httpGet.path);
    const asked = [textOf('infra/Dockerfile'), textOf('docker-compose.yml')].flatMap(
      (text) => text.match(/\/health\/(live|ready)\b/g) ?? [],
    );
    const paths = new Set([...probed, ...asked]);
    expect(paths).toEqual(new Set(['/health/live', '/health/ready']));
    // Readiness is told by who serves; here nobody does, which is an answer too.
    for (const path of paths) expect((await http.call('GET', path, { key: null })).json).toHaveProperty('status');
  });

  it('connections that its proxy closes first: one that the product closes may be in use just then', () => {
    const kept = Number(/^(\d+)s$/.exec(nginxDirective('keepalive_timeout'))?.[1]) * 1_000;
    expect(kept).toBeLessThan(http.app.getHttpServer().keepAliveTimeout);
  });
});

it.each(['projection_stopped', 'record_stopped', 'record_unsigned_trees', 'relay_stopped', 'subscription_poisoned'])(
  'a critical alert fires when %s says that a part has stopped for good',
  (metric) => {
    const [rule, ...more] = alertRules().filter(({ expr }) => metricsIn(expr).includes(metric));
    expect([rule?.labels.severity, more]).toEqual(['critical', []]);
  },
);

it('the alert for a view that is behind has the bound of readiness', () => {
  const [rule] = alertRules().filter(({ alert }) => alert === 'ViewsBehind');
  expect(rule?.expr).toMatch(new RegExp(`> ${limits.readyLagSecondsMax}$`));
});
