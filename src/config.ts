import { resolve } from 'node:path';
import { areNetworks } from './auth/networks.js';
import { isCosignerKey } from './formats/record-1/cosignature.js';
import { limits } from './limits.js';
import { SettingsReader } from './settings-reader.js';

const ROLES = ['api', 'saga', 'projections', 'relay'] as const;
const PROVIDERS = ['openai', 'demo'] as const;
const KAFKA_MECHANISMS = ['plain', 'scram-sha-256', 'scram-sha-512'] as const;
const SWITCHES = ['true', 'false'] as const;
const OTLP_PROTOCOLS = ['http/protobuf', 'http/json'] as const;
const SAMPLERS = ['always_on', 'always_off', 'traceidratio'].flatMap((name) => [name, `parentbased_${name}`]);
/** From the fewest lines to the most. */
export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace'] as const;
const NETWORKS = 'addresses or networks such as 10.0.0.0/8, with commas between';

export type ProcessRole = (typeof ROLES)[number];
export type Provider = (typeof PROVIDERS)[number];
export type KafkaMechanism = (typeof KAFKA_MECHANISMS)[number];
export type OtlpProtocol = (typeof OTLP_PROTOCOLS)[number];
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Everything that the environment decides, checked once at the start and never changed. */
export interface Config {
  readonly host: string;
  readonly port: number;
  readonly dataDir: string;
  /** Absent: an embedded PostgreSQL under the data directory. */
  readonly databaseUrl: string | undefined;
  /** Names the owner of the schema, who migrates. Absent: the role that serves owns it too. */
  readonly migrateDatabaseUrl: string | undefined;
  /** The database of the keys. Absent: they are in the database of everything else. */
  readonly keysUrl: string | undefined;
  /** Absent: the log is in PostgreSQL, with everything else. */
  readonly eventLogUrl: string | undefined;
  readonly openai: { readonly apiKey: string | undefined; readonly baseUrl: string | undefined };
  readonly provider: Provider;
  /** Absent: each provider has its own. */
  readonly model: string | undefined;
  readonly adminKey: string | undefined;
  /** The seed of the key that signs the record, as base64. Absent: a file of the data directory has it. */
  readonly recordKey: string | undefined;
  /** Who cosigns the notes of the record. */
  readonly witnesses: readonly WitnessConfig[];
  /** The master keys as base64, with their generations, the newest first. Absent: files of the data directory have them. */
  readonly masterKeys: readonly (readonly [generation: number, key: string])[] | undefined;
  /** Absent: no events are relayed. */
  readonly kafka: KafkaConfig | undefined;
  readonly roles: readonly ProcessRole[];
  readonly deltaFlushMs: number;
  readonly deltaFlushBytes: number;
  readonly firstTokenTimeoutMs: number;
  readonly idleTimeoutMs: number;
  readonly generationTimeoutMs: number;
  /** How long a stop lets open generations go on. */
  readonly drainMs: number;
  readonly leaseMs: number;
  readonly generationsMax: number;
  readonly feedsPerUserMax: number;
  /** Whose X-Forwarded-For is believed. */
  readonly trustedProxies: readonly string[];
  readonly logLevel: LogLevel;
  /** How traces are exported. Absent: nothing is traced. The SDK of OpenTelemetry reads the rest of its variables itself. */
  readonly traces: OtlpProtocol | undefined;
}

export interface WitnessConfig {
  readonly url: string;
  readonly verifierKey: string;
}

export interface KafkaConfig {
  readonly brokers: readonly string[];
  readonly topic: string;
  readonly tls: boolean;
  /** Absent: the relay does not authenticate at the brokers. */
  readonly user:
    | { readonly mechanism: KafkaMechanism; readonly username: string; readonly password: string }
    | undefined;
}

/** What the command line needs of it: enough to find the server, its key and its database. */
export type Whereabouts = Pick<Config, 'host' | 'port' | 'adminKey' | 'recordKey' | Places>;
type Places = 'dataDir' | 'databaseUrl' | 'migrateDatabaseUrl' | 'keysUrl' | 'eventLogUrl';

export class InvalidConfig extends Error {
  constructor(readonly mistakes: readonly string[]) {
    super(['The environment cannot be used:', ...mistakes.map((mistake) => `  ${mistake}`)].join('\n'));
  }
}

/** Reads the environment, or throws InvalidConfig with every mistake in it. */
export function loadConfig(environment: NodeJS.ProcessEnv = process.env): Config {
  const read = new SettingsReader(environment);
  const provider = readProvider(read);
  const whereabouts = readWhereabouts(read);
  const generationTimeoutMs = read.integer('VERBATIM_GENERATION_TIMEOUT_MS', 600_000, 1_000);
  // An embedded database belongs to a person at a terminal, for whom Ctrl-C should be quick.
  const usualDrainMs = whereabouts.databaseUrl === undefined ? limits.embeddedDrainMs : generationTimeoutMs;
  const config: Config = {
    ...whereabouts,
    ...provider,
    kafka: readKafka(read),
    witnesses: readWitnesses(read),
    masterKeys: readMasterKeys(read),
    roles: read.list('VERBATIM_ROLES', ROLES),
    deltaFlushMs: read.integer('VERBATIM_DELTA_FLUSH_MS', 50, 0, 5_000),
    deltaFlushBytes: read.integer('VERBATIM_DELTA_FLUSH_BYTES', 4_096, 1),
    firstTokenTimeoutMs: read.integer('VERBATIM_FIRST_TOKEN_TIMEOUT_MS', 60_000, 500),
    idleTimeoutMs: read.integer('VERBATIM_IDLE_TIMEOUT_MS', 60_000, 500),
    generationTimeoutMs,
    drainMs: read.integer('VERBATIM_DRAIN_MS', usualDrainMs, 0, limits.drainMsMax),
    leaseMs: read.integer('VERBATIM_LEASE_MS', 15_000, 1_000, 600_000),
    generationsMax: read.integer('VERBATIM_MAX_GENERATIONS', 256, 1),
    feedsPerUserMax: read.integer('VERBATIM_MAX_FEEDS_PER_USER', 10_000, 1),
    trustedProxies: read.text('VERBATIM_TRUSTED_PROXIES', { test: areNetworks }, NETWORKS)?.split(',') ?? [],
    logLevel: read.oneOf('LOG_LEVEL', LOG_LEVELS) ?? 'info',
    traces: readTraces(read),
  };
  const mistakes = read.mistakesAndUnknown();
  if (mistakes.length > 0) throw new InvalidConfig(mistakes);
  return deepFreeze(config);
}

/** Only these: what else a server's environment lacks or gets wrong is none of the command line's business. */
export function loadWhereabouts(environment: NodeJS.ProcessEnv = process.env): Whereabouts {
  const read = new SettingsReader(environment);
  const whereabouts = readWhereabouts(read);
  const mistakes = read.mistakesAndRenamed();
  if (mistakes.length > 0) throw new InvalidConfig(mistakes);
  return deepFreeze(whereabouts);
}

/** 32 bytes as base64. */
const KEY = '[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=';

/** The present key first, then the earlier ones: those that have ended with their public part alone. */
const RECORD_KEYS = new RegExp(`^${KEY}(,(ended:)?${KEY})*$`);

function readWhereabouts(read: SettingsReader): Whereabouts {
  return {
    host: read.text('HOST', /^[^\s/]+$/, 'a host name or address') ?? '127.0.0.1',
    port: read.integer('PORT', 3000, 0, 65_535),
    dataDir: resolve(read.text('VERBATIM_DATA_DIR', /^[^\0]+$/, 'a path') ?? 'data'),
    databaseUrl: readDatabaseUrl(read, 'DATABASE_URL'),
    migrateDatabaseUrl: readMigrateDatabaseUrl(read),
    keysUrl: readDatabaseUrl(read, 'VERBATIM_KEYS_URL'),
    recordKey: read.text('VERBATIM_RECORD_KEY', RECORD_KEYS, '32 bytes as base64, before earlier keys'),
    // Several hosts are no URL; what else is wrong with it is found by who opens it.
    eventLogUrl: read.text(
      'EVENT_LOG_URL',
      /^(?:esdb|kurrentdb)(?:\+discover)?:\/\/\S+$/,
      'a URL that begins with esdb://, esdb+discover://, kurrentdb:// or kurrentdb+discover://',
    ),
    adminKey: read.text(
      'VERBATIM_ADMIN_KEY',
      /^vb_[A-Za-z0-9]{1,40}_[A-Za-z0-9]{32,}$/,
      'vb_<id>_<secret>, the secret of at least 32 letters and digits',
    ),
  };
}

function readMigrateDatabaseUrl(read: SettingsReader): string | undefined {
  const value = readDatabaseUrl(read, 'MIGRATE_DATABASE_URL');
  if (value !== undefined && !read.has('DATABASE_URL')) {
    read.mistake('MIGRATE_DATABASE_URL', 'DATABASE_URL beside it: the embedded database migrates itself');
  }
  return value;
}

function readDatabaseUrl(read: SettingsReader, name: string): string | undefined {
  const value = read.url(name, ['postgres:', 'postgresql:']);
  if (value === undefined) return undefined;
  const { hostname, searchParams } = new URL(value);
  // Without one the driver would take whatever runs on this machine.
  if (!hostname && !searchParams.get('host')) {
    read.mistake(name, 'a host in it, or ?host= with the directory of a unix socket');
  }
  return value;
}

/** Text, because a frozen configuration holds no buffers. */
function readMasterKeys(read: SettingsReader): Config['masterKeys'] {
  const name = 'VERBATIM_MASTER_KEY';
  const one = `[1-9]\\d{0,8}:${KEY}`;
  const expected = '<generation>:<32 bytes as base64>, with commas between and the highest generation first';
  const parts = read.text(name, new RegExp(`^${one}(,${one})*$`), expected)?.split(',');
  const keys = parts?.map((part) => {
    const [generation, key] = part.split(':') as [string, string];
    return [Number(generation), key] as const;
  });
  if (keys?.some(([generation], nth) => generation >= (keys[nth - 1]?.[0] ?? Number.POSITIVE_INFINITY))) {
    read.mistake(name, expected);
  }
  if (keys && new Set(keys.map(([, key]) => key)).size < keys.length) {
    read.mistake(name, 'another key for each generation');
  }
  return keys;
}

function readProvider(read: SettingsReader): Pick<Config, 'openai' | 'provider' | 'model'> {
  const openai = {
    apiKey: read.text('OPENAI_API_KEY', /^[\x21-\x7e]+$/, 'visible characters'),
    baseUrl: readBaseUrl(read),
  };
  const reachable = read.has('OPENAI_API_KEY') || read.has('OPENAI_BASE_URL');
  const provider = read.oneOf('VERBATIM_PROVIDER', PROVIDERS) ?? (reachable ? 'openai' : 'demo');
  const model = read.text('VERBATIM_MODEL', /^\S+$/, 'the name of a model');
  if (provider === 'openai' && !reachable) {
    read.mistake('VERBATIM_PROVIDER', 'openai, with OPENAI_API_KEY or OPENAI_BASE_URL beside it');
  }
  if (provider === 'openai' && !read.has('VERBATIM_MODEL')) {
    read.mistake('VERBATIM_MODEL', 'the name of a model, since the provider is openai');
  }
  return { openai, provider, model };
}

/** The path of a call is put behind it, so it must end where that begins. */
function readBaseUrl(read: SettingsReader): string | undefined {
  const value = read.url('OPENAI_BASE_URL', ['http:', 'https:']);
  if (value === undefined || !URL.canParse(value)) return value;
  const endpoint = /\/(chat\/completions|completions|responses)\/*$/.exec(new URL(value).pathname)?.[1];
  if (/[?#]/.test(value)) read.mistake('OPENAI_BASE_URL', 'a URL without a query and a fragment');
  if (endpoint) read.mistake('OPENAI_BASE_URL', `a URL that ends before /${endpoint}, which is added to it`);
  return value;
}

/** The operator names each address, so none of them comes from a request. */
function readWitnesses(read: SettingsReader): readonly WitnessConfig[] {
  const form = 'an address and a key with a space between, and commas between witnesses';
  const pairs = read.text('VERBATIM_WITNESSES', /^[^\s,]+ [^\s,]+(, ?[^\s,]+ [^\s,]+)*$/, form)?.split(/, ?/) ?? [];
  const witnesses = pairs.map((pair) => {
    const [url = '', verifierKey = ''] = pair.split(' ');
    return { url: url.replace(/\/+$/, ''), verifierKey };
  });
  const names = new Set(witnesses.map(({ verifierKey }) => verifierKey.split('+', 1).join()));
  if (!witnesses.every(isWitness) || names.size < witnesses.length) {
    read.mistake('VERBATIM_WITNESSES', `${form}; each http:// or https://, each with another cosigner key of C2SP`);
  }
  return witnesses;
}

function isWitness({ url, verifierKey }: WitnessConfig): boolean {
  const address = URL.canParse(url) ? new URL(url) : undefined;
  const isPlain = address && !address.username && !address.password && !/[?#]/.test(url);
  return isPlain === true && ['http:', 'https:'].includes(address.protocol) && isCosignerKey(verifierKey);
}

function readKafka(read: SettingsReader): Config['kafka'] {
  const broker = '[^\\s,/:]+:\\d{1,5}';
  const list = 'host:port, with commas between';
  const brokers = read.text('KAFKA_BROKERS', new RegExp(`^${broker}(,${broker})*$`), list)?.split(',');
  if (brokers?.some((each) => !isPort(Number(each.split(':')[1])))) read.mistake('KAFKA_BROKERS', list);
  const name = 'letters, digits, ".", "_" and "-", at most 249';
  const topic = read.text('KAFKA_TOPIC', /^(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}$/, name) ?? 'verbatim.events.v1';
  const tls = read.oneOf('KAFKA_TLS', SWITCHES) === 'true';
  const user = readKafkaUser(read);
  return brokers === undefined ? undefined : { brokers, topic, tls, user };
}

function readKafkaUser(read: SettingsReader): KafkaConfig['user'] {
  const username = read.text('KAFKA_USERNAME', /^[^\0]+$/, 'a name');
  const password = read.text('KAFKA_PASSWORD', /^[^\0]+$/, 'a password');
  const mechanism = read.oneOf('KAFKA_MECHANISM', KAFKA_MECHANISMS) ?? 'scram-sha-512';
  if (username !== undefined && password !== undefined) return { mechanism, username, password };
  if (username !== undefined) read.mistake('KAFKA_PASSWORD', 'the password of KAFKA_USERNAME');
  if (password !== undefined) read.mistake('KAFKA_USERNAME', 'whose password KAFKA_PASSWORD is');
  return undefined;
}

/** The standard variables of OpenTelemetry. Other programs share them, so those of traces that are off are not checked. */
function readTraces(read: SettingsReader): Config['traces'] {
  if (read.isTrue('OTEL_SDK_DISABLED')) return undefined;
  const exporter = read.oneOf('OTEL_TRACES_EXPORTER', ['otlp', 'none']);
  const hasEndpoint = read.has('OTEL_EXPORTER_OTLP_TRACES_ENDPOINT') || read.has('OTEL_EXPORTER_OTLP_ENDPOINT');
  if (exporter === 'none' || (exporter === undefined && !hasEndpoint)) return undefined;
  // The SDK would use its defaults in the place of a wrong value, without a word.
  for (const name of ['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT', 'OTEL_EXPORTER_OTLP_ENDPOINT']) {
    read.url(name, ['http:', 'https:']);
  }
  read.oneOf('OTEL_TRACES_SAMPLER', SAMPLERS);
  const own = read.oneOf('OTEL_EXPORTER_OTLP_TRACES_PROTOCOL', OTLP_PROTOCOLS);
  const common = read.oneOf('OTEL_EXPORTER_OTLP_PROTOCOL', OTLP_PROTOCOLS);
  return own ?? common ?? 'http/protobuf';
}

const isPort = (number: number): boolean => number >= 1 && number <= 65_535;

function deepFreeze<T extends object>(value: T): T {
  for (const part of Object.values(value)) if (typeof part === 'object' && part !== null) deepFreeze(part);
  return Object.freeze(value);
}
