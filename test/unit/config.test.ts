import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { InvalidConfig, loadConfig, loadWhereabouts } from '../../src/config.js';
import { Cosigner } from '../../src/formats/record-1/cosignature.js';
import { NoteSigner } from '../../src/formats/record-1/note.js';

function mistakesOf(environment: NodeJS.ProcessEnv): readonly string[] {
  try {
    loadConfig(environment);
  } catch (error) {
    if (error instanceof InvalidConfig) return error.mistakes;
    throw error;
  }
  return [];
}

type Mistaken = [environment: NodeJS.ProcessEnv, mistake: string];

describe('the configuration', () => {
  it('needs no setting', () => {
    expect(loadConfig({})).toMatchObject({
      host: '127.0.0.1',
      port: 3000,
      dataDir: `${process.cwd()}/data`,
      databaseUrl: undefined,
      migrateDatabaseUrl: undefined,
      keysUrl: undefined,
      masterKeys: undefined,
      eventLogUrl: undefined,
      provider: 'demo',
      model: undefined,
      adminKey: undefined,
      kafka: undefined,
      witnesses: [],
      roles: ['api', 'saga', 'projections', 'relay'],
      deltaFlushMs: 50,
      deltaFlushBytes: 4_096,
      firstTokenTimeoutMs: 60_000,
      idleTimeoutMs: 60_000,
      generationTimeoutMs: 600_000,
      drainMs: 10_000,
      leaseMs: 15_000,
      generationsMax: 256,
      feedsPerUserMax: 10_000,
      trustedProxies: [],
      logLevel: 'info',
      traces: undefined,
    });
  });

  it('reads witnesses with their addresses and keys', () => {
    const [one, two] = ['w1', 'w2'].map(
      (name) => new Cosigner(`witness.example/${name}`, Buffer.alloc(32, name)).verifierKey,
    );
    expect(
      loadConfig({ VERBATIM_WITNESSES: `https://w1.example/ ${one},http://127.0.0.1:3800/x ${two}` }).witnesses,
    ).toEqual([
      { url: 'https://w1.example', verifierKey: one },
      { url: 'http://127.0.0.1:3800/x', verifierKey: two },
    ]);
    const signer = new NoteSigner(Buffer.alloc(32)).verifierKey('verbatim/log');
    for (const wrong of [
      ...[
        `${one}`,
        `https://w1.example`,
        `ftp://w1.example ${one}`,
        `https://u:p@w1.example ${one}`,
        `w1.example ${one}`,
      ],
      ...[`https://w1.example?a=b ${one}`, `https://w1.example ${signer}`, `https://a ${one},https://b ${one}`],
    ]) {
      expect(mistakesOf({ VERBATIM_WITNESSES: wrong })).toEqual([
        expect.stringMatching(/^VERBATIM_WITNESSES: \d+ characters, /),
      ]);
    }
  });

  it('takes a database for the keys, also beside an embedded one', () => {
    const url = 'postgres://keys:hunter2@db/keys';
    expect(loadConfig({ VERBATIM_KEYS_URL: url }).keysUrl).toBe(url);
    const [mistake] = mistakesOf({ VERBATIM_KEYS_URL: 'mysql://u:hunter2@h/d' });
    expect(mistake).toBe(
      'VERBATIM_KEYS_URL: 21 characters, expected a URL that begins with postgres:// or postgresql://',
    );
  });

  it('takes master keys, the newest first', () => {
    const [old, present] = [1, 2].map((byte) => Buffer.alloc(32, byte).toString('base64')) as [string, string];
    expect(loadConfig({ VERBATIM_MASTER_KEY: `1:${old}` }).masterKeys).toEqual([[1, old]]);
    expect(loadConfig({ VERBATIM_MASTER_KEY: `12:${present},3:${old}` }).masterKeys).toEqual([
      [12, present],
      [3, old],
    ]);
  });

  const master = Buffer.alloc(32, 1).toString('base64');
  const other = Buffer.alloc(32, 2).toString('base64');
  const form = '<generation>:<32 bytes as base64>, with commas between and the highest generation first';
  it.each([
    [master, form],
    [`0:${master}`, form],
    [`1:${master.slice(4)}`, form],
    [`1:${Buffer.alloc(33).toString('base64')}`, form],
    [`1:${master.replace('=', '')}`, form],
    [`1:${master},`, form],
    [`1:${master},2:${other}`, form],
    [`2:${master},2:${other}`, form],
    [`2:${master},1:${master}`, 'another key for each generation'],
  ])('refuses the master keys %s, and shows none of them', (value, expected) => {
    const [mistake = '', ...more] = mistakesOf({ VERBATIM_MASTER_KEY: value });
    expect(more).toEqual([]);
    expect(mistake).toBe(`VERBATIM_MASTER_KEY: ${value.length} characters, expected ${expected}`);
  });

  it.each([
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318' }, 'http/protobuf'],
    [{ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://collector/v1/traces' }, 'http/protobuf'],
    [{ OTEL_TRACES_EXPORTER: 'otlp', OTEL_TRACES_SAMPLER: 'parentbased_traceidratio' }, 'http/protobuf'],
    [{ OTEL_TRACES_EXPORTER: 'otlp', OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json' }, 'http/json'],
    [
      {
        OTEL_TRACES_EXPORTER: 'otlp',
        OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
        OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: 'http/protobuf',
      },
      'http/protobuf',
    ],
    [{ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://collector:4318', OTEL_TRACES_EXPORTER: 'none' }, undefined],
    [{ OTEL_TRACES_EXPORTER: 'otlp', OTEL_SDK_DISABLED: 'TRUE' }, undefined],
    [{ OTEL_TRACES_EXPORTER: 'otlp', OTEL_SDK_DISABLED: 'false' }, 'http/protobuf'],
    [{ OTEL_TRACES_EXPORTER: '', OTEL_EXPORTER_OTLP_ENDPOINT: '', OTEL_SERVICE_NAME: 'verbatim' }, undefined],
    [{ OTEL_SDK_DISABLED: 'true', OTEL_TRACES_EXPORTER: 'zipkin', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, undefined],
  ])('with %j exports traces by %s', (environment, traces) => {
    expect(loadConfig(environment).traces).toBe(traces);
  });

  it.each([
    ['ten seconds with the embedded database', {}, 10_000],
    ['as long as a generation may take with another', { DATABASE_URL: 'postgres://h/d' }, 600_000],
    [
      'as long as that setting says',
      { DATABASE_URL: 'postgres://h/d', VERBATIM_GENERATION_TIMEOUT_MS: '30000' },
      30_000,
    ],
    ['what it is set to', { DATABASE_URL: 'postgres://h/d', VERBATIM_DRAIN_MS: '0' }, 0],
  ])('lets a stop drain for %s', (_, environment, drainMs) => {
    expect(loadConfig(environment).drainMs).toBe(drainMs);
  });

  it('cannot be changed', () => {
    const config = loadConfig({});
    expect(() => Object.assign(config, { port: 1 })).toThrow(TypeError);
    expect(() => Object.assign(config.roles, ['api'])).toThrow(TypeError);
    expect(() => Object.assign(config.openai, { apiKey: 'x' })).toThrow(TypeError);
  });

  it.each([
    'postgres://db',
    'postgresql://me:hunter2@db:5432/verbatim',
    'postgresql:///verbatim?host=/run/postgresql&user=me',
    'postgres://%2Frun%2Fpostgresql/verbatim',
  ])('takes %s as a database', (url) => {
    expect(loadConfig({ DATABASE_URL: url }).databaseUrl).toBe(url);
  });

  it.each([
    'esdb://localhost:2113?tls=false',
    'esdb+discover://admin:changeit@cluster.example:2113',
    'kurrentdb://a:2113,b:2113,c:2113',
    'kurrentdb+discover://cluster.example',
  ])('takes %s as a log', (url) => {
    expect(loadConfig({ EVENT_LOG_URL: url }).eventLogUrl).toBe(url);
  });

  it.each([
    [{ KAFKA_BROKERS: 'a:9092' }, { brokers: ['a:9092'], topic: 'verbatim.events.v1', tls: false }],
    [
      { KAFKA_BROKERS: 'a:1,10.0.0.1:65535', KAFKA_TOPIC: 'x.y' },
      { brokers: ['a:1', '10.0.0.1:65535'], topic: 'x.y', tls: false },
    ],
    [
      { KAFKA_BROKERS: 'a:1', KAFKA_TLS: 'true', KAFKA_USERNAME: 'me', KAFKA_PASSWORD: 'pass word' },
      {
        brokers: ['a:1'],
        topic: 'verbatim.events.v1',
        tls: true,
        user: { mechanism: 'scram-sha-512', username: 'me', password: 'pass word' },
      },
    ],
    [{ KAFKA_TOPIC: 'x.y' }, undefined],
  ])('with %j relays to %j', (environment, kafka) => {
    expect(loadConfig(environment).kafka).toEqual(kafka);
  });

  it('refuses the earlier name of a setting, and names the present one', () => {
    const environment = { EVENTSTORE_URL: 'esdb://localhost:2113?tls=false' };
    const refusal = 'EVENTSTORE_URL: this setting is now called EVENT_LOG_URL';
    expect(() => loadConfig(environment)).toThrow(refusal);
    expect(() => loadWhereabouts(environment)).toThrow(refusal);
    expect(loadConfig({ EVENTSTORE_URL: '' })).toEqual(loadConfig({}));
  });

  it('takes an empty value for an absent one', () => {
    expect(loadConfig({ PORT: '', VERBATIM_MODEL: '', DATABASE_URL: '' })).toEqual(loadConfig({}));
  });

  it.each([
    [{ OPENAI_API_KEY: 'sk-1', VERBATIM_MODEL: 'm' }, 'openai', 'm'],
    [{ OPENAI_BASE_URL: 'http://localhost:1234/v1', VERBATIM_MODEL: 'm' }, 'openai', 'm'],
    [{ OPENAI_API_KEY: 'sk-1', VERBATIM_PROVIDER: 'demo' }, 'demo', undefined],
    [{}, 'demo', undefined],
  ])('with %j the provider is %s and the model %s', (environment, provider, model) => {
    expect(loadConfig(environment)).toMatchObject({ provider, model });
  });

  it.each<Mistaken>([
    [{ PORT: 'http' }, 'PORT: 4 characters, expected a whole number from 0 to 65535'],
    [{ PORT: '65536' }, 'PORT: a whole number, expected a whole number from 0 to 65535'],
    [{ PORT: '-1' }, 'PORT: a whole number, expected a whole number from 0 to 65535'],
    [{ PORT: '80.5' }, 'PORT: a number, expected a whole number from 0 to 65535'],
    [{ HOST: 'http://x' }, 'HOST: 8 characters, expected a host name or address'],
    [
      { DATABASE_URL: 'mysql://u:secret@h/d' },
      'DATABASE_URL: 20 characters, expected a URL that begins with postgres:// or postgresql://',
    ],
    ...['postgres://', 'postgres:///', 'postgres:/db', 'postgresql:///db?user=me&host='].map(
      (url): Mistaken => [
        { DATABASE_URL: url },
        `DATABASE_URL: ${url.length} characters, expected a host in it, or ?host= with the directory of a unix socket`,
      ],
    ),
    [
      { DATABASE_URL: 'postgres://db', MIGRATE_DATABASE_URL: 'mysql://u:secret@h/d' },
      'MIGRATE_DATABASE_URL: 20 characters, expected a URL that begins with postgres:// or postgresql://',
    ],
    [
      { MIGRATE_DATABASE_URL: 'postgres://db' },
      'MIGRATE_DATABASE_URL: 13 characters, expected DATABASE_URL beside it: the embedded database migrates itself',
    ],
    [
      { OPENAI_BASE_URL: 'http://h/v1?', VERBATIM_MODEL: 'm' },
      'OPENAI_BASE_URL: 12 characters, expected a URL without a query and a fragment',
    ],
    [
      { OPENAI_BASE_URL: 'https://h/v1/responses/', VERBATIM_MODEL: 'm' },
      'OPENAI_BASE_URL: 23 characters, expected a URL that ends before /responses, which is added to it',
    ],
    [
      { OPENAI_BASE_URL: 'https://h/v1/chat/completions', VERBATIM_MODEL: 'm' },
      'OPENAI_BASE_URL: 29 characters, expected a URL that ends before /chat/completions, which is added to it',
    ],
    [
      { OPENAI_BASE_URL: 'nowhere', VERBATIM_MODEL: 'm' },
      'OPENAI_BASE_URL: 7 characters, expected a URL that begins with http:// or https://',
    ],
    [{ OPENAI_API_KEY: 'sk-1' }, 'VERBATIM_MODEL: not set, expected the name of a model, since the provider is openai'],
    [
      { VERBATIM_PROVIDER: 'openai', VERBATIM_MODEL: 'm' },
      'VERBATIM_PROVIDER: 6 characters, expected openai, with OPENAI_API_KEY or OPENAI_BASE_URL beside it',
    ],
    [{ VERBATIM_PROVIDER: 'other' }, 'VERBATIM_PROVIDER: 5 characters, expected one of openai, demo'],
    [
      { VERBATIM_ADMIN_KEY: 'vb_admin_short' },
      'VERBATIM_ADMIN_KEY: 14 characters, expected vb_<id>_<secret>, the secret of at least 32 letters and digits',
    ],
    [
      { VERBATIM_ROLES: 'api,apis' },
      'VERBATIM_ROLES: 8 characters, expected some of api,saga,projections,relay, each once, with commas between',
    ],
    [
      { VERBATIM_ROLES: 'api,api' },
      'VERBATIM_ROLES: 7 characters, expected some of api,saga,projections,relay, each once, with commas between',
    ],
    [{ VERBATIM_LEASE_MS: '999' }, 'VERBATIM_LEASE_MS: a whole number, expected a whole number from 1000 to 600000'],
    [
      { VERBATIM_DELTA_FLUSH_MS: '5001' },
      'VERBATIM_DELTA_FLUSH_MS: a whole number, expected a whole number from 0 to 5000',
    ],
    [
      { VERBATIM_GENERATION_TIMEOUT_MS: '999' },
      'VERBATIM_GENERATION_TIMEOUT_MS: a whole number, expected a whole number from 1000 on',
    ],
    [{ LOG_LEVEL: 'loud' }, 'LOG_LEVEL: 4 characters, expected one of fatal, error, warn, info, debug, trace'],
    [{ VERBATIM_PROT: '3000' }, 'VERBATIM_PROT: no such setting'],
    [
      { EVENT_LOG_URL: 'http://admin:changeit@localhost:2113' },
      'EVENT_LOG_URL: 36 characters, expected a URL that begins with esdb://, esdb+discover://, kurrentdb:// or kurrentdb+discover://',
    ],
    ...['broker', 'kafka://b:9092', 'b:9092,', 'b:9092 c:9092', 'b:port', 'b:0', 'b:65536', 'b:1,c:99999'].map(
      (brokers): Mistaken => [
        { KAFKA_BROKERS: brokers },
        `KAFKA_BROKERS: ${brokers.length} characters, expected host:port, with commas between`,
      ],
    ),
    ...['a/b', 'a topic', 'x'.repeat(250)].map(
      (topic): Mistaken => [
        { KAFKA_TOPIC: topic },
        `KAFKA_TOPIC: ${topic.length} characters, expected letters, digits, ".", "_" and "-", at most 249`,
      ],
    ),
    [{ OTEL_TRACES_EXPORTER: 'zipkin' }, 'OTEL_TRACES_EXPORTER: 6 characters, expected one of otlp, none'],
    [
      { OTEL_TRACES_EXPORTER: 'otlp', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
      'OTEL_EXPORTER_OTLP_PROTOCOL: 4 characters, expected one of http/protobuf, http/json',
    ],
    [
      { OTEL_EXPORTER_OTLP_ENDPOINT: 'collector:4318' },
      'OTEL_EXPORTER_OTLP_ENDPOINT: 14 characters, expected a URL that begins with http:// or https://',
    ],
    [
      { OTEL_TRACES_EXPORTER: 'otlp', OTEL_TRACES_SAMPLER: 'sometimes' },
      'OTEL_TRACES_SAMPLER: 9 characters, expected one of always_on, parentbased_always_on, always_off, parentbased_always_off, traceidratio, parentbased_traceidratio',
    ],
    [{ KAFKA_TLS: 'yes' }, 'KAFKA_TLS: 3 characters, expected one of true, false'],
    [
      { KAFKA_MECHANISM: 'oauthbearer' },
      'KAFKA_MECHANISM: 11 characters, expected one of plain, scram-sha-256, scram-sha-512',
    ],
    [{ KAFKA_USERNAME: 'me' }, 'KAFKA_PASSWORD: not set, expected the password of KAFKA_USERNAME'],
    [{ KAFKA_PASSWORD: 'hunter2' }, 'KAFKA_USERNAME: not set, expected whose password KAFKA_PASSWORD is'],
  ])('%j is a mistake', (environment, mistake) => {
    expect(mistakesOf(environment)).toEqual([mistake]);
  });

  it('reports every mistake at once', () => {
    const environment = { PORT: 'x', LOG_LEVEL: 'y', VERBATIM_NOPE: 'z', VERBATIM_LEASE_MS: '1' };
    expect(mistakesOf(environment).map((mistake) => mistake.split(':')[0])).toEqual([
      'PORT',
      'VERBATIM_LEASE_MS',
      'LOG_LEVEL',
      'VERBATIM_NOPE',
    ]);
  });

  it('never shows a value in an error', () => {
    const names = [
      'PORT',
      'DATABASE_URL',
      'MIGRATE_DATABASE_URL',
      'OPENAI_API_KEY',
      'OPENAI_BASE_URL',
      'VERBATIM_ADMIN_KEY',
      'VERBATIM_ROLES',
      'LOG_LEVEL',
    ];
    const secret = fc.string({ minLength: 12, maxLength: 30 }).map((text) => `s3cr3t ${text}`);
    fc.assert(
      fc.property(fc.constantFrom(...names), secret, (name, value) => {
        const told = mistakesOf({ [name]: value }).join('\n');
        expect(told).toContain(name);
        expect(told).not.toContain('s3cr3t');
      }),
    );
  });
});

describe('what the command line reads of it', () => {
  it('is what a server in the same environment would read', () => {
    const environment = { HOST: '::1', PORT: '4000', VERBATIM_DATA_DIR: '/srv/x' };
    expect(loadConfig(environment)).toMatchObject(loadWhereabouts(environment));
    expect(Object.keys(loadWhereabouts({})).sort()).toEqual([
      'adminKey',
      'dataDir',
      'databaseUrl',
      'eventLogUrl',
      'host',
      'keysUrl',
      'migrateDatabaseUrl',
      'port',
      'recordKey',
    ]);
  });

  it('is not disturbed by mistakes in other settings, and names its own', () => {
    expect(loadWhereabouts({ VERBATIM_PROVIDER: 'other', VERBATIM_NOPE: '1' })).toMatchObject({ port: 3000 });
    expect(() => loadWhereabouts({ PORT: 'x', LOG_LEVEL: 'y' })).toThrow(
      /^The environment cannot be used:\n {2}PORT: .*$/,
    );
  });
});
