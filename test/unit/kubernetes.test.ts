import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { prometheusRule } from '../../infra/kubernetes/production/prometheus-rule.mjs';
import { loadConfig } from '../../src/config.js';
import { limits } from '../../src/limits.js';
import { textOf } from '../support/deployment-files.js';
import { expectRoomBesideHeap } from '../support/heap.js';
import {
  kubernetesDocuments,
  kubernetesPod,
  kubernetesRoles,
  kubernetesSettings,
  migrationPod,
  type Variable,
} from '../support/kubernetes-files.js';
import { expectUsable } from '../support/usable-settings.js';

const pod = kubernetesPod();
const [container] = pod.containers;
const [migration] = migrationPod().containers;
const roles = Object.entries(kubernetesRoles());
const documents = kubernetesDocuments();

const secrets: Readonly<Record<string, string>> = {
  DATABASE_URL: 'postgres://verbatim_serving:password@postgres:5432/verbatim',
  MIGRATE_DATABASE_URL: 'postgres://verbatim_owner:password@postgres:5432/verbatim',
  EVENT_LOG_URL: 'esdb://user:password@eventstore:2113',
  VERBATIM_ADMIN_KEY: `vb_admin_${'a'.repeat(32)}`,
  VERBATIM_RECORD_KEY: Buffer.alloc(32).toString('base64'),
  VERBATIM_MASTER_KEY: `1:${Buffer.alloc(32).toString('base64')}`,
};
/** What the product reads of them, without what may be absent: NODE_OPTIONS is for Node. */
const settingsOf = (variables: readonly Variable[]) =>
  Object.fromEntries(
    variables
      .filter(({ name, valueFrom }) => name !== 'NODE_OPTIONS' && !valueFrom?.secretKeyRef.optional)
      .map(({ name, value }) => [name, value ?? secrets[name] ?? 'nothing']),
  );
const secretsOf = (variables: readonly Variable[]) =>
  variables.filter(({ valueFrom }) => valueFrom !== undefined).map(({ name }) => name);

describe('infra/kubernetes/base', () => {
  it.each(roles)('gives the role %s, and settings that it takes', (role, added) => {
    expect(settingsOf(added).VERBATIM_ROLES).toBe(role);
    expectUsable({ ...kubernetesSettings(), ...settingsOf([...container.env, ...added]) });
  });

  it('has a deployment for every role there is', () => {
    expect(roles.map(([role]) => role).sort()).toEqual([...loadConfig({}).roles].sort());
  });

  it.each([
    ['api', ['VERBATIM_ADMIN_KEY', 'VERBATIM_MASTER_KEY']],
    ['saga', ['OPENAI_API_KEY', 'VERBATIM_MASTER_KEY']],
    ['projections', ['VERBATIM_RECORD_KEY', 'VERBATIM_MASTER_KEY']],
    ['relay', ['KAFKA_USERNAME', 'KAFKA_PASSWORD']],
  ])('gives the role %s the secrets that it needs, and no other', (role, own) => {
    expect(secretsOf(container.env)).toEqual(['EVENT_LOG_URL', 'DATABASE_URL']);
    expect(secretsOf(kubernetesRoles()[role] ?? [])).toEqual(own);
  });

  it('refers to a secret of its own for each reader, and holds none', () => {
    const variables = [...container.env, ...migration.env, ...roles.flatMap(([, added]) => added)];
    const names = variables.flatMap(({ valueFrom }) => valueFrom?.secretKeyRef.name ?? []);
    expect(new Set(names)).toEqual(
      new Set(
        ['log', 'database', 'admin', 'record', 'master', 'provider', 'kafka', 'migrate'].map(
          (name) => `verbatim-${name}`,
        ),
      ),
    );
    expect(documents.filter(({ kind }) => kind === 'Secret')).toEqual([]);
    const settings = Object.keys(kubernetesSettings());
    expect(settings.filter((name) => secretsOf(variables).includes(name))).toEqual([]);
  });

  it('is documented with secrets that start as they are copied', () => {
    const shown = [
      ...textOf('infra/kubernetes/README.md').matchAll(
        /kubectl create secret generic (\S+) (?:\\\n\s+)?--from-literal=([a-z-]+)=/g,
      ),
    ].map(([, name, key]) => `${name} ${key}`);
    const variables = [...container.env, ...migration.env, ...roles.flatMap(([, added]) => added)];
    const needed = variables.flatMap(({ valueFrom }) =>
      valueFrom && !valueFrom.secretKeyRef.optional
        ? [`${valueFrom.secretKeyRef.name} ${valueFrom.secretKeyRef.key}`]
        : [],
    );
    expect(shown).toEqual(expect.arrayContaining([...new Set(needed)]));
  });

  it('lets a pod leave the balance before it stops, and stop before it is killed', () => {
    const [command, pauseSeconds] = container.lifecycle.preStop.exec.command;
    expect(command).toBe('sleep');
    const { drainMs } = loadConfig({ ...kubernetesSettings(), ...settingsOf(container.env) });
    const neededMs = Number(pauseSeconds) * 1_000 + drainMs + limits.stopBeyondDrainMs;
    expect(pod.terminationGracePeriodSeconds * 1_000).toBeGreaterThan(neededMs);
  });

  it('waits for an answer about readiness longer than the 100 ms in which the product answers', () => {
    expect((container.readinessProbe.timeoutSeconds ?? 1) * 1_000).toBeGreaterThan(100);
  });

  it('runs without rights, and writes nowhere but where the data goes', () => {
    for (const { securityContext } of [pod, migrationPod()]) {
      expect(securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
    }
    for (const { securityContext } of [container, migration]) {
      expect(securityContext).toEqual({
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      });
    }
    const data = container.volumeMounts.find(({ mountPath }) => mountPath === '/app/data');
    expect(pod.volumes.find(({ name }) => name === data?.name)).toHaveProperty('emptyDir');
  });

  it('mounts what may change while a pod runs as a folder, since a single file would not follow its ConfigMap', () => {
    const live = container.volumeMounts.find(({ mountPath }) => mountPath === '/app/data/live');
    expect(live).not.toHaveProperty('subPath');
    const volume = pod.volumes.find(({ name }) => name === live?.name);
    expect(volume?.configMap).toEqual({ name: 'verbatim-live', optional: true });
  });

  it('bounds the memory of a pod with room beside the heap of Node', () => {
    const heap = container.env.find(({ name }) => name === 'NODE_OPTIONS')?.value ?? '';
    expectRoomBesideHeap(heap, Number(/^(\d+)Mi$/.exec(container.resources.limits.memory)?.[1]));
  });

  it('keeps the names of other services out of the environment, where VERBATIM_PORT would be an unknown setting', () => {
    expect(pod.enableServiceLinks).toBe(false);
  });

  it('names the image by the version of the product', () => {
    const { version } = JSON.parse(textOf('package.json'));
    for (const { image } of [container, migration]) expect(image).toBe(`verbatim:${version}`);
  });
});

describe('infra/kubernetes/migrate', () => {
  it('gives the URL of the owner of the schema to the migration alone', () => {
    expect(secretsOf(migration.env)).toEqual(['DATABASE_URL', 'MIGRATE_DATABASE_URL']);
    expectUsable(settingsOf(migration.env));
    for (const [, added] of roles)
      expect(secretsOf([...container.env, ...added])).not.toContain('MIGRATE_DATABASE_URL');
  });
});

describe('infra/kubernetes/production', () => {
  const ofKind = (kind: string) => documents.filter((document) => document.kind === kind);

  it('has the alerts of infra/prometheus unchanged', () => {
    const alerts = textOf('infra/prometheus/alerts.yml');
    const rule = textOf('infra/kubernetes/production/prometheus-rule.yaml');
    // After a change of the alerts: node infra/kubernetes/production/prometheus-rule.mjs
    expect(rule).toBe(prometheusRule(alerts));
    expect(parse(rule).spec).toEqual(parse(alerts));
  });

  it('scales what a turn costs CPU in, and leaves it two pods', () => {
    const scaled = ofKind('HorizontalPodAutoscaler').map(({ spec }) => spec);
    expect(scaled.map(({ scaleTargetRef }) => scaleTargetRef.name)).toEqual(['verbatim-api', 'verbatim-saga']);
    for (const { minReplicas, maxReplicas } of scaled) {
      expect(minReplicas).toBe(2);
      expect(maxReplicas).toBeGreaterThan(2);
    }
  });

  it('lets only the role that calls models reach them, and only the relay reach Kafka', () => {
    const reaching = (port: number) =>
      ofKind('NetworkPolicy')
        .filter(({ spec }) =>
          spec.egress?.some(({ ports = [] }) => ports.some((each: { port: number }) => each.port === port)),
        )
        .map(({ metadata }) => metadata.name);
    expect(reaching(443)).toEqual(['verbatim-saga']);
    expect(reaching(9092)).toEqual(['verbatim-relay']);
    expect(reaching(2113)).toEqual(['verbatim']);
    expect(reaching(5432)).toEqual(['verbatim', 'verbatim-migrate']);
  });

  it('shows Prometheus the pods of every role under the job that the alerts ask for', () => {
    const [monitor] = ofKind('ServiceMonitor');
    const selected = ofKind('Service').filter(
      ({ metadata }) =>
        metadata.labels?.[monitor?.spec.jobLabel] === monitor?.spec.selector.matchLabels[monitor?.spec.jobLabel],
    );
    expect(selected.map(({ metadata }) => metadata.name)).toEqual(['verbatim-metrics']);
    expect(selected[0]?.spec.selector).toEqual({ 'app.kubernetes.io/name': 'verbatim' });
    expect(monitor?.spec.selector.matchLabels).toEqual({ 'app.kubernetes.io/name': 'verbatim' });
    expect(textOf('infra/prometheus/alerts.yml')).toContain('job="verbatim"');
  });
});
