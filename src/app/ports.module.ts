import { type DynamicModule, Module } from '@nestjs/common';
import { KafkaRelay } from '../adapters/kafka/kafka-relay.js';
import { PrometheusMetrics } from '../adapters/prometheus/prometheus-metrics.js';
import { systemClock } from '../adapters/system/system-clock.js';
import { systemIds } from '../adapters/system/system-ids.js';
import type { Config } from '../config.js';
import { type Codec, createCodec } from '../events/codec.js';
import type { Clock } from '../ports/clock.js';
import type { Ids } from '../ports/ids.js';
import type { RelayDestination } from '../ports/relay.js';
import type { Tracer } from '../ports/tracer.js';
import type { Engines } from './engines.js';
import { type Tokens, token } from './provider.js';

/** What operators see. */
export interface Telemetry {
  readonly metrics: PrometheusMetrics;
  /** Absent when nothing is traced. */
  readonly tracer?: Tracer | undefined;
  /** Ids and counts, never a person's text. */
  readonly warn: (facts: object, message: string) => void;
  readonly info: (facts: object, message: string) => void;
  readonly error: (facts: object, message: string) => void;
}

interface Ports extends Omit<Engines, 'openLogAnew' | 'logDescription' | 'close'> {
  readonly config: Config;
  readonly telemetry: Telemetry;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly ids: Ids;
  /** Absent unless the configuration names brokers. */
  readonly relay: RelayDestination | undefined;
}

/** Injection tokens of the ports: interfaces have no value at run time. */
export const PORTS: Tokens<Ports> = {
  config: token('Config'),
  telemetry: token('Telemetry'),
  codec: token('Codec'),
  clock: token('Clock'),
  ids: token('Ids'),
  log: token('EventLog'),
  incarnations: token('incarnations of the log'),
  checkpoints: token('Checkpoints'),
  leases: token('Leases'),
  hints: token('Hints'),
  keys: token('Keys'),
  work: token('Work'),
  keptFolds: token('KeptFoldStore'),
  builds: token('Builds'),
  buildStates: token('states of builds'),
  lanes: token('LaneStore'),
  views: token('Views'),
  record: token('RecordStore'),
  census: token('CensusStore'),
  cosignatures: token('Cosignatures'),
  witnesses: token('witnesses'),
  keptNotes: token('KeptNotes'),
  signingKeys: token('SigningKeys'),
  valueKeys: token('ValueKeyEngine'),
  models: token('LanguageModels'),
  prices: token('PriceList'),
  relay: token('RelayDestination'),
};

/** Gives every module the opened adapters, each by the token of its port. */
@Module({})
export class PortsModule {
  static of(engines: Engines, config: Config, telemetry: Telemetry): DynamicModule {
    const relay = config.kafka && new KafkaRelay(config.kafka);
    const system = { codec: createCodec(), clock: systemClock, ids: systemIds };
    const ports: Ports = { ...engines, ...system, config, telemetry, relay };
    const values = (Object.keys(PORTS) as (keyof Ports)[]).map((name) => ({
      provide: PORTS[name],
      useValue: ports[name],
    }));
    const providers = [...values, { provide: PrometheusMetrics, useValue: telemetry.metrics }];
    return { module: PortsModule, global: true, providers, exports: providers.map(({ provide }) => provide) };
  }
}
