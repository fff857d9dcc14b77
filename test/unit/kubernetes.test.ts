import { describe, expect, it } from '@jest/globals';
import { loadConfig } from '../../src/config.js';
import { limits } from '../../src/limits.js';
import { textOf } from '../support/deployment-files.js';
import {
  kubernetesDocuments,
  kubernetesPod,
  kubernetesRoles,
  kubernetesSettings,
  type Variable,
} from '../support/kubernetes-files.js';
import { expectUsable } from '../support/usable-settings.js';

const pod = kubernetesPod();
const [container] = pod.containers;
const secrets: Readonly<Record<string, string>> = {
  DATABASE_URL: 'postgres://user:password@postgres:5432/verbatim',
  EVENT_LOG_URL: 'esdb://user:password@eventstore:2113',
  VERBATIM_ADMIN_KEY: `vb_admin_${'a'.repeat(32)}`,
};
const valuesOf = (variables: readonly Variable[]) =>
  variables
    .filter(({ valueFrom }) => !valueFrom?.secretKeyRef.optional)
    .map(({ name, value }) => [name, value ?? secrets[name] ?? 'nothing'] as const);

describe('infra/kubernetes', () => {
  it.each(Object.entries(kubernetesRoles()))('gives the role %s, and settings that it takes', (role, added) => {
    expect(Object.fromEntries(valuesOf(added))).toEqual({ VERBATIM_ROLES: role });
    expectUsable({ ...kubernetesSettings(), ...Object.fromEntries(valuesOf([...container.env, ...added])) });
  });

  it('has a deployment for every role there is', () => {
    expect(Object.keys(kubernetesRoles()).sort()).toEqual([...loadConfig({}).roles].sort());
  });

  it('refers to secrets, and holds none', () => {
    const bySecret = container.env.filter(({ valueFrom }) => valueFrom !== undefined).map(({ name }) => name);
    expect(bySecret).toEqual(expect.arrayContaining([...Object.keys(secrets), 'OPENAI_API_KEY']));
    expect(Object.keys(kubernetesSettings()).filter((name) => bySecret.includes(name))).toEqual([]);
    expect(kubernetesDocuments().filter(({ kind }) => kind === 'Secret')).toEqual([]);
  });

  it('shows a secret that starts as it is copied: a key of a provider needs a model beside it', () => {
    const readme = textOf('infra/kubernetes/README.md');
    const [example = ''] = /kubectl create secret generic verbatim .*?\n\n/s.exec(readme) ?? [];
    const shown = [...example.matchAll(/--from-literal=([a-z-]+)=/g)].map(([, key]) => key);
    const needed = container.env.filter(({ valueFrom }) => valueFrom && !valueFrom.secretKeyRef.optional);
    expect(shown).toEqual(needed.map(({ valueFrom }) => valueFrom?.secretKeyRef.key));
    expectUsable({ ...kubernetesSettings(), ...secrets });
  });

  it('lets a pod leave the balance before it stops, and stop before it is killed', () => {
    const [command, pauseSeconds] = container.lifecycle.preStop.exec.command;
    expect(command).toBe('sleep');
    const neededMs = Number(pauseSeconds) * 1_000 + limits.stopDeadlineMs;
    expect(pod.terminationGracePeriodSeconds * 1_000).toBeGreaterThan(neededMs);
  });

  it('waits for an answer about readiness longer than the product takes to find out', () => {
    expect((container.readinessProbe.timeoutSeconds ?? 1) * 1_000).toBeGreaterThan(limits.readinessAnswerMs);
  });

  it('runs without rights, and writes nowhere but where the data goes', () => {
    expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } });
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    const data = container.volumeMounts.find(({ mountPath }) => mountPath === '/app/data');
    expect(pod.volumes.find(({ name }) => name === data?.name)).toHaveProperty('emptyDir');
  });

  it('keeps the names of other services out of the environment, where VERBATIM_PORT would be an unknown setting', () => {
    expect(pod.enableServiceLinks).toBe(false);
  });

  it('names the image by the version of the product', () => {
    const { version } = JSON.parse(textOf('package.json'));
    expect(container.image).toBe(`verbatim:${version}`);
  });
});
