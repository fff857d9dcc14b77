import 'reflect-metadata';
import { readFile } from 'node:fs/promises';
import { PrometheusMetrics } from './adapters/prometheus/prometheus-metrics.js';
import { openEngines } from './app/engines.js';
import type { Serving } from './app/serve.js';
import { tracedEngines, tracingOf } from './app/tracing.js';
import { type Config, loadConfig } from './config.js';
import { limits } from './limits.js';

async function start(config: Config): Promise<Serving> {
  const { version } = JSON.parse(await readFile(new URL('../package.json', import.meta.url), 'utf8'));
  const metrics = new PrometheusMetrics(config.model === undefined ? [] : [config.model]);
  metrics.watchProcess();
  const onNotice = (text: string) => void process.stderr.write(`${text}\n`);
  // What serves is loaded while PostgreSQL starts: each takes seconds, and a start that is refused needs neither.
  const [engines, { serve }, tracing] = await Promise.all([
    openEngines(config, onNotice, metrics),
    import('./app/serve.js'),
    tracingOf(config, version, onNotice),
  ]);
  return serve(tracedEngines(engines, config, tracing), config, version, { metrics, tracer: tracing?.tracer });
}

let serving: Serving | undefined;
const stopRequested = new Promise<void>((resolve) => {
  let firstAtMs: number | undefined;
  const onSignal = () => {
    firstAtMs ??= performance.now();
    resolve();
    if (performance.now() - firstAtMs > limits.sameSignalMs) stopAtOnce();
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', onSignal);
});

function stopAtOnce(): void {
  serving?.cutDrainShort();
  exitAfter(limits.stopBeyondDrainMs);
}

/** A stop that does not end by itself in time is ended, so that no supervisor has to. */
function exitAfter(milliseconds: number): void {
  setTimeout(() => process.exit(1), milliseconds).unref();
}

async function main(): Promise<void> {
  try {
    const config = loadConfig();
    void stopRequested.then(() => exitAfter(config.drainMs + limits.stopBeyondDrainMs));
    // A signal that comes meanwhile waits for the start: half a start could not be stopped in order.
    serving = await start(config);
    const reason = await Promise.race([stopRequested, serving.ended]);
    // Nothing that is open can be finished in a log that went back.
    if (reason !== undefined) stopAtOnce();
    await serving.stop();
    if (reason !== undefined) process.stderr.write(`${reason}\n`);
    process.exit(reason === undefined ? 0 : 1);
  } catch (error) {
    process.stderr.write(`${reasonOf(error)}\n`);
    process.exit(1);
  }
}

/** An AggregateError, such as that of a host with two addresses, has no message of its own. */
function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reasonOf).join('; ');
  return error instanceof Error ? error.message : String(error);
}

/** `verbatim serve` waits for it. */
export const ended = main();
