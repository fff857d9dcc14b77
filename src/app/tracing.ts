import type { Tracing } from '../adapters/opentelemetry/open-tracing.js';
import type { Config } from '../config.js';
import type { Engines } from './engines.js';

/** Nothing of OpenTelemetry is loaded unless its variables ask for traces. */
export async function tracingOf(
  { traces }: Config,
  version: string,
  onNotice: (text: string) => void,
): Promise<Tracing | undefined> {
  if (traces === undefined) return undefined;
  const { openTracing } = await import('../adapters/opentelemetry/open-tracing.js');
  return openTracing(traces, version, onNotice);
}

/** The same engines, with traced appends. When they are closed, the last spans are exported. */
export function tracedEngines(engines: Engines, { eventLogUrl }: Config, tracing: Tracing | undefined): Engines {
  if (!tracing) return engines;
  const log = tracing.traced(engines.log, eventLogUrl === undefined ? 'postgresql' : 'eventstoredb');
  const close = async () => {
    await engines.close();
    await tracing.close();
  };
  return { ...engines, log, close };
}
