import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { parseAllDocuments } from 'yaml';
import { composeServices } from '../support/deployment-files.js';
import type { KubernetesDocument } from '../support/kubernetes-files.js';
import { describeWith, output } from '../support/tools.js';

const BUILD_MS = 300_000;
const repository = join(import.meta.dirname, '..', '..');
const infra = join(repository, 'infra');

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'verbatim-tools-'));
});
afterAll(() => rmSync(directory, { recursive: true }));

const built = (folder: string) => output('kubectl', ['kustomize', join(infra, 'kubernetes', folder)]);
const documentsIn = (text: string): KubernetesDocument[] => parseAllDocuments(text).map((each) => each.toJS());

describeWith('kubectl', () => {
  it('the base is built with a deployment of each role, each with pods of its own', async () => {
    const deployments = documentsIn(await built('base')).filter(({ kind }) => kind === 'Deployment');
    const roles = deployments.map(({ metadata, spec }) => [
      metadata.name,
      spec.selector.matchLabels['app.kubernetes.io/component'],
      spec.template.spec.containers[0].env.find(({ name }: { name: string }) => name === 'VERBATIM_ROLES').value,
    ]);
    expect(roles).toEqual(['api', 'projections', 'relay', 'saga'].map((role) => [`verbatim-${role}`, role, role]));
  });

  it('the production overlay leaves the number of pods to its autoscalers, and scrapes each pod once', async () => {
    const documents = documentsIn(await built('production'));
    const scaled = documents
      .filter(({ kind }) => kind === 'HorizontalPodAutoscaler')
      .map(({ spec }) => spec.scaleTargetRef.name);
    const deployments = documents.filter(({ kind }) => kind === 'Deployment');
    const free = deployments.filter(({ spec }) => spec.replicas === undefined).map(({ metadata }) => metadata.name);
    expect(free).toEqual(scaled);
    for (const { spec } of deployments) expect(spec.template.metadata.annotations).toBeUndefined();
  });

  describeWith('kubernetes-validate', () => {
    it.each(['base', 'migrate', 'production'])(
      'every field of the folder %s is one that its kind has',
      async (folder) => {
        const file = join(directory, `${folder}.yaml`);
        writeFileSync(file, await built(folder));
        await expect(output('kubernetes-validate', ['--strict', '--quiet', file])).resolves.toBeDefined();
      },
    );

    it('a misspelt field is found', async () => {
      const file = join(directory, 'misspelt.yaml');
      writeFileSync(file, (await built('base')).replace('readOnlyRootFilesystem', 'readonlyRootFilesystem'));
      await expect(output('kubernetes-validate', ['--strict', '--quiet', file])).rejects.toThrow(
        'readonlyRootFilesystem',
      );
    });
  });
});

describeWith('promtool', () => {
  it('the configuration of Prometheus and its rules are valid', async () => {
    await expect(
      output('promtool', ['check', 'config', join(infra, 'prometheus', 'prometheus.yml')]),
    ).resolves.toContain('SUCCESS');
  });

  it('each alert fires when it should, and only then', async () => {
    await expect(
      output('promtool', ['test', 'rules', join(infra, 'prometheus', 'alerts.test.yml')]),
    ).resolves.toContain('SUCCESS');
  });
});

describeWith('go', () => {
  let reader: string;
  beforeAll(async () => {
    reader = join(directory, 'compose');
    await output('go', ['build', '-o', reader, '.'], join(infra, 'compose'));
  }, BUILD_MS);

  describe('the library of docker compose', () => {
    it.each(['full', 'kurrentdb', 'scale', 'observability', 'small'])(
      'reads the profile %s with the services that it promises',
      async (profile) => {
        const { services } = JSON.parse(await output(reader, [repository, profile]));
        const promised = Object.entries(composeServices()).filter(([, { profiles }]) => profiles?.includes(profile));
        expect(Object.keys(services).sort()).toEqual(promised.map(([name]) => name).sort());
      },
    );
  });
});
