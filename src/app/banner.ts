import type { Config } from '../config.js';

export interface BannerFacts {
  readonly version: string;
  readonly address: string;
  readonly logDescription: string;
  /** Shown on the start that created it, and never again. */
  readonly firstKey: string | undefined;
}

/** The one thing that a start prints: where it is, and with what it runs. */
export function banner(config: Config, { version, address, logDescription, firstKey }: BannerFacts): string {
  const lines: [string, string][] = [
    ['address', address],
    ['docs', `${address}/docs`],
    ['log', logDescription],
    ['model', `${config.model ?? config.provider} (provider ${config.provider})`],
    ['data', config.dataDir],
  ];
  const { kafka, roles } = config;
  if (kafka && roles.includes('relay'))
    lines.push(['relay', `Kafka at ${kafka.brokers.join(',')}, topic ${kafka.topic}`]);
  if (firstKey) lines.push(['key', `${firstKey}  (shown once; kept in ${config.dataDir}/admin.key)`]);
  return [`Verbatim ${version}`, ...lines.map(([name, value]) => `  ${name.padEnd(9)}${value}`), ''].join('\n');
}
