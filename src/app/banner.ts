import type { Config } from '../config.js';

export interface BannerFacts {
  readonly version: string;
  readonly address: string;
  readonly logDescription: string;
  /** Shown only by the start that created it. */
  readonly firstKey: string | undefined;
}

/** All that a start prints: the address, and what the process runs on. */
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
