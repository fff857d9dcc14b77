import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import { textOf } from './deployment-files.js';

const folder = join(import.meta.dirname, '..', '..', 'infra', 'kubernetes');

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
  readonly timeoutSeconds?: number;
}

export interface Variable {
  readonly name: string;
  readonly value?: string;
  readonly valueFrom?: {
    readonly secretKeyRef: { readonly name: string; readonly key: string; readonly optional?: boolean };
  };
}

interface Container {
  readonly image: string;
  readonly env: readonly Variable[];
  readonly startupProbe: Probe;
  readonly livenessProbe: Probe;
  readonly readinessProbe: Probe;
  readonly lifecycle: { readonly preStop: { readonly exec: { readonly command: readonly string[] } } };
  readonly resources: { readonly limits: { readonly memory: string } };
  readonly securityContext: Readonly<Record<string, unknown>>;
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
}

interface Pod {
  readonly enableServiceLinks: boolean;
  readonly terminationGracePeriodSeconds: number;
  readonly securityContext: Readonly<Record<string, unknown>>;
  readonly containers: readonly [Container];
  readonly volumes: readonly {
    readonly name: string;
    readonly emptyDir?: object;
    readonly configMap?: { readonly name: string; readonly optional?: boolean };
  }[];
}

/** What every role runs in, before a role is given to it. */
export const kubernetesPod = (): Pod => documentOf('base/node/deployment.yaml').spec.template.spec;

/** What changes the schema, before the pods of a new version come. */
export const migrationPod = (): Pick<Pod, 'securityContext' | 'containers'> =>
  documentOf('migrate/job.yaml').spec.template.spec;

/** What a role's overlay adds to the environment, by the names of the roles' folders. */
export function kubernetesRoles(): Record<string, readonly Variable[]> {
  const roles = readdirSync(join(folder, 'base', 'roles')).map((role) => {
    const { patches } = documentOf(`base/roles/${role}/kustomization.yaml`);
    return [role, parse(patches[0].patch).spec.template.spec.containers[0].env] as const;
  });
  return Object.fromEntries(roles);
}

export function kubernetesSettings(): Record<string, string> {
  const [settings] = documentOf('base/kustomization.yaml').configMapGenerator;
  return Object.fromEntries(settings.literals.map((literal: string) => literal.split(/=(.*)/s)));
}

export interface KubernetesDocument {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
  // biome-ignore lint/suspicious/noExplicitAny: each kind has its own, and a test looks at one field of it.
  readonly spec: any;
}

/** Every document below infra/kubernetes. */
export function kubernetesDocuments(): KubernetesDocument[] {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
  const manifests = files.filter((file) => file.endsWith('.yaml'));
  return manifests.flatMap((file) =>
    parseAllDocuments(textOf(`infra/kubernetes/${file}`)).map((document) => document.toJS()),
  );
}

const documentOf = (file: string) => parse(textOf(`infra/kubernetes/${file}`));
