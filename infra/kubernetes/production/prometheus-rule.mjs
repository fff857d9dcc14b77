// `node infra/kubernetes/production/prometheus-rule.mjs` after a change of infra/prometheus/alerts.yml: writes the same rules as a
// PrometheusRule. Prometheus refuses a file of rules with `kind` in it, and Kustomize cannot put one file into another.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const HEAD = `# Made of infra/prometheus/alerts.yml by prometheus-rule.mjs. Change it there.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: verbatim
  labels:
    app.kubernetes.io/name: verbatim
spec:
`;

/** The rules, one level deeper. */
export function prometheusRule(alerts) {
  return HEAD + alerts.replace(/^(?=.)/gm, '  ');
}

const folder = import.meta.dirname;
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const alerts = readFileSync(join(folder, '..', '..', 'prometheus', 'alerts.yml'), 'utf8');
  writeFileSync(join(folder, 'prometheus-rule.yaml'), prometheusRule(alerts));
}
