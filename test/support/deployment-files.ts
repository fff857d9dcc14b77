import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';

const repository = join(import.meta.dirname, '..', '..');

export interface ComposeService {
  readonly image: string;
  readonly restart?: string;
  readonly build?: { readonly dockerfile: string };
  readonly profiles?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly depends_on?: Readonly<Record<string, unknown>>;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly stop_grace_period?: string;
  readonly mem_limit?: string;
}

export const textOf = (file: string): string => readFileSync(join(repository, file), 'utf8');
export const isThere = (file: string): boolean => existsSync(join(repository, file));

/** The services, with every variable of the shell at its default. */
export function composeServices(): Record<string, ComposeService> {
  const text = textOf('docker-compose.yml').replace(/\$\{[A-Z_]+:-([^}]*)\}/g, '$1');
  return parse(text, { merge: true }).services;
}

/** The profiles that count when the command line names none. */
export const usualProfiles = (): string[] => /^COMPOSE_PROFILES=(.*)$/m.exec(textOf('.env'))?.[1]?.split(',') ?? [];

interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly runbook_url: string };
}

export function alertRules(): AlertRule[] {
  const { groups } = parse(textOf('infra/prometheus/alerts.yml'));
  return groups.flatMap(({ rules }: { rules: unknown[] }) => rules);
}

export function dashboardQueries(): { readonly title: string; readonly expr: string }[] {
  const { panels } = JSON.parse(textOf('infra/grafana/dashboards/verbatim.json'));
  return panels.flatMap(({ title, targets = [] }: { title: string; targets?: { expr: string }[] }) =>
    targets.map(({ expr }) => ({ title, expr })),
  );
}

/** The value of a directive that occurs once in the configuration of nginx. */
export function nginxDirective(name: string): string {
  const found = [...textOf('infra/nginx/nginx.conf').matchAll(new RegExp(`^\\s*${name} (.*);`, 'gm'))];
  if (found.length !== 1) throw new Error(`${name} occurs ${found.length} times`);
  return found[0]?.[1] ?? '';
}
