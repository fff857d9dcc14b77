import 'reflect-metadata';
import { readFile } from 'node:fs/promises';
import { PrometheusMetrics } from './adapters/prometheus/prometheus-metrics.js';
import { loadConfig } from './config.js';
import { openEngines } from './engines.js';
import { limits } from './limits.js';

async function start(): Promise<() => Promise<void>> {
  const config = loadConfig();
  const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'));
  const metrics = new PrometheusMetrics(config.model === undefined ? [] : [config.model]);
  metrics.watchProcess();
  // What serves is loaded while PostgreSQL starts: each takes seconds, and a start that is refused needs neither.
  const [engines, { serve }] = await Promise.all([
    openEngines(config, (text) => process.stderr.write(`${text}\n`), metrics),
    import('./serve.js'),
  ]);
  return serve(engines, config, version, metrics);
}

const stopRequested = new Promise<void>((resolve) => {
  // Not once: a terminal signals every process of its group and npm passes that on, and what nobody hears of kills.
  process.on('SIGTERM', () => resolve());
  process.on('SIGINT', () => resolve());
});

// What does not end by itself in time is ended, so that no supervisor has to.
void stopRequested.then(() => setTimeout(() => process.exit(1), limits.stopDeadlineMs).unref());

try {
  // Told to stop meanwhile, it still starts: half a start is what nobody could stop in order.
  const stop = await start();
  await stopRequested;
  await stop();
  process.exit(0);
} catch (error) {
  process.stderr.write(`${reasonOf(error)}\n`);
  process.exit(1);
}

/** An AggregateError, such as that of a host with two addresses, has no message of its own. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join('; ');
  return error instanceof Error ? error.message : String(error);
}
