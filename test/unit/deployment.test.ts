import { describe, expect, it } from '@jest/globals';
import { loadConfig } from '../../src/config.js';
import { limits } from '../../src/limits.js';
import {
  alertRules,
  type ComposeService,
  composeServices,
  isThere,
  nginxDirective,
  textOf,
  usualProfiles,
} from '../support/deployment-files.js';
import { expectRoomBesideHeap } from '../support/heap.js';
import { expectUsable } from '../support/usable-settings.js';

const services = Object.entries(composeServices());
const apps = services.filter(([, { image }]) => image.startsWith('verbatim:'));
const startedBy = (profile: string) => services.filter(([, { profiles }]) => profiles?.includes(profile));
const namesOf = (some: readonly (readonly [string, unknown])[]) => some.map(([name]) => name).sort();

const PROFILES = ['full', 'kurrentdb', 'scale', 'observability', 'small'];

/** What the product reads of the environment: NODE_OPTIONS is for Node. */
const settingsOf = ({ environment = {} }: ComposeService) =>
  Object.fromEntries(Object.entries(environment).filter(([name]) => name !== 'NODE_OPTIONS'));

const { version } = JSON.parse(textOf('package.json')) as { version: string };
const dockerfile = textOf('infra/Dockerfile');
const sourceImages = [...dockerfile.matchAll(/^FROM (\S+)/gm)].map(([, image]) => image);

/** A version down to the last number: neither a name that moves, nor a number that stands for many. */
const isPinned = (image: string | undefined) => /:v?\d+\.\d+(\.\d+)?(-[a-z][\w.-]*)?$/.test(image ?? '');

describe('docker-compose.yml', () => {
  const whole = ['app', 'eventstore', 'kafka', 'postgres'];

  it.each([
    ['full', whole],
    ['scale', [...whole, 'app-2', 'nginx']],
    ['observability', [...whole, 'prometheus', 'grafana']],
    ['small', ['postgres-small', 'small']],
    ['kurrentdb', ['app-kurrentdb', 'kurrentdb', 'postgres-kurrentdb', 'kafka']],
  ])('starts for the profile %s what it promises, and all that this needs', (profile, names) => {
    expect(namesOf(startedBy(profile))).toEqual([...names].sort());
    for (const [, { depends_on = {} }] of startedBy(profile)) {
      expect(names).toEqual(expect.arrayContaining(Object.keys(depends_on)));
    }
  });

  it('starts the whole architecture when no profile is named', () => {
    expect(usualProfiles()).toEqual(['full']);
  });

  it.each(PROFILES)('publishes each port once for %s, and to this machine', (profile) => {
    const ports = startedBy(profile).flatMap(([, service]) => service.ports ?? []);
    const published = ports.map((port) => /^127\.0\.0\.1:(\d+):\d+$/.exec(port)?.[1]);
    expect(published).toEqual([...new Set(published)]);
    expect(published).not.toContain(undefined);
  });

  it.each(apps)('gives %s settings that it takes, and the time that it needs to stop', (_, service) => {
    expectUsable(settingsOf(service));
    expect(Number.parseInt(service.stop_grace_period ?? '0', 10) * 1_000).toBeGreaterThan(
      loadConfig(settingsOf(service)).drainMs + limits.stopBeyondDrainMs,
    );
  });

  it.each(['app', 'app-2'])('has EventStoreDB as the log of %s, and Kafka for others', (name) => {
    const { environment = {} } = composeServices()[name] as ComposeService;
    expect(new URL(environment.EVENT_LOG_URL ?? '').hostname).toBe('eventstore');
    expect(new URL(environment.DATABASE_URL ?? '').hostname).toBe('postgres');
    expect(environment.KAFKA_BROKERS).toBe('kafka:9092');
  });

  it('gives KurrentDB settings and directories of its own names, and shares nothing with EventStoreDB', () => {
    const { kurrentdb, eventstore } = composeServices();
    expect(Object.keys(kurrentdb?.environment ?? {})).toEqual(['KURRENTDB_INSECURE', 'KURRENTDB_TELEMETRY_OPTOUT']);
    expect(kurrentdb?.volumes?.map((volume) => volume.split(':')[1])).toEqual([
      '/var/lib/kurrentdb',
      '/var/log/kurrentdb',
    ]);
    for (const volume of eventstore?.volumes ?? []) expect(kurrentdb?.volumes).not.toContain(volume);
    const { environment = {} } = composeServices()['app-kurrentdb'] as ComposeService;
    expect(new URL(environment.EVENT_LOG_URL ?? '').hostname).toBe('kurrentdb');
  });

  it.each([
    ['small', 'postgres-small'],
    ['app-kurrentdb', 'postgres-kurrentdb'],
  ])('keeps the views and the data of %s apart from those of another log', (app, postgres) => {
    const { environment = {} } = composeServices()[app] as ComposeService;
    expect(new URL(environment.DATABASE_URL ?? '').hostname).toBe(postgres);
    const volumesOf = (name: string) => composeServices()[name]?.volumes ?? [];
    const volumes = [...volumesOf(postgres), ...volumesOf(app)];
    const others = services.filter(([name]) => name !== app && name !== postgres);
    for (const [, other] of others) expect(volumes.filter((each) => other.volumes?.includes(each))).toEqual([]);
  });

  it('asks PostgreSQL over TCP: the server that creates the database answers on the socket alone', () => {
    const servers = services.filter(([, { image }]) => image.startsWith('postgres:'));
    expect(servers).toHaveLength(3);
    for (const [, { healthcheck }] of servers) {
      expect(healthcheck?.test).toEqual(['CMD', 'pg_isready', '-h', '127.0.0.1', '-U', 'verbatim']);
    }
  });

  it('bounds the memory of every service, and the heap of the app well below its bound', () => {
    for (const [name, { mem_limit }] of services)
      expect([name, mem_limit]).toEqual([name, expect.stringMatching(/^\d+[mg]$/)]);
    for (const [, { mem_limit, environment = {} }] of apps) {
      expectRoomBesideHeap(environment.NODE_OPTIONS ?? '', Number(/^(\d+)m$/.exec(mem_limit ?? '')?.[1]));
    }
  });

  it('asks every service how it is, but for what the image asks itself', () => {
    const unasked = services.filter(([, { healthcheck }]) => healthcheck === undefined);
    expect(namesOf(unasked)).toEqual(namesOf(apps));
  });

  it.each(PROFILES)('builds the image once for the profile %s', (profile) => {
    expect(startedBy(profile).filter(([, { build }]) => build !== undefined)).toHaveLength(1);
  });

  it('starts every service again, however it ended', () => {
    for (const [name, { restart }] of services) expect([name, restart]).toEqual([name, 'unless-stopped']);
  });

  it('mounts files that are there', () => {
    const mounted = services.flatMap(([, { volumes = [] }]) => volumes.filter((volume) => volume.startsWith('./')));
    expect(mounted.length).toBeGreaterThan(2);
    for (const mount of mounted) expect([mount, isThere(mount.split(':')[0] ?? '')]).toEqual([mount, true]);
  });

  it('names versions of images, and its own by the version of the product', () => {
    for (const [name, { image }] of services) expect([name, image, isPinned(image)]).toEqual([name, image, true]);
    expect(new Set(apps.map(([, { image }]) => image))).toEqual(new Set([`verbatim:${version}`]));
  });
});

describe('infra/Dockerfile', () => {
  it('builds in one image and runs in another, both of one version of Node', () => {
    expect(sourceImages.length).toBe(2);
    expect(new Set(sourceImages.map((image) => image?.split(' ')[0])).size).toBe(1);
    expect(sourceImages.every(isPinned)).toBe(true);
    expect(sourceImages[1]).toMatch(/-slim$/);
  });

  it('runs on the newest long-term version of Node that the product is tested on', () => {
    expect(sourceImages[0]).toMatch(/^node:24\.\d+\.\d+-bookworm-slim$/);
  });

  it('runs as a user without rights, and can be asked how it is', () => {
    expect(dockerfile.match(/^USER (.*)$/gm)).toEqual(['USER node']);
    expect(dockerfile).toMatch(/^HEALTHCHECK .*\\\n {2}CMD \["node", /m);
  });
});

describe('infra/nginx', () => {
  const secondsOf = (name: string) => Number(/^(\d+)s$/.exec(nginxDirective(name))?.[1]);

  it('keeps a silent stream open for several heartbeats, and passes on at once what comes', () => {
    const heartbeatMs = limits.streamTickMs * limits.streamHeartbeatTicks;
    expect(secondsOf('proxy_read_timeout') * 1_000).toBeGreaterThan(3 * heartbeatMs);
    expect(nginxDirective('proxy_buffering')).toBe('off');
    expect(nginxDirective('proxy_http_version')).toBe('1.1');
  });

  it('leaves it to the product to refuse what is too large', () => {
    const mebibytes = Number(/^(\d+)m$/.exec(nginxDirective('client_max_body_size'))?.[1]);
    expect(mebibytes * 1024 * 1024).toBeGreaterThan(limits.requestBodyBytesMax);
  });

  it('sends no request twice that could do something twice', () => {
    expect(nginxDirective('proxy_next_upstream')).toBe('error timeout');
  });

  it('does not publish the metrics of a node', () => {
    expect(textOf('infra/nginx/nginx.conf')).toMatch(/location = \/metrics \{\s+return 404;\s+\}/);
  });
});

describe('docs/operations.md', () => {
  it('counts all connections to PostgreSQL that a process opens at most', () => {
    const [, section = ''] = /^## Capacity\n(.*?)^## /ms.exec(textOf('docs/operations.md')) ?? [];
    const rows = [...section.matchAll(/^\| (\S[^|]*?) +\| (\d+) +\|$/gm)];
    const said = new Map(rows.map(([, what, count]) => [what, Number(count)]));
    const pools = Object.entries(limits).flatMap(([name, max]) =>
      /ConnectionsMax$/.test(name) ? [max as number] : [],
    );
    // Two that append, one that listens for appends, one for hints.
    const single = 4;
    expect(said.get('all')).toBe(pools.reduce((sum, max) => sum + max, single));
    said.delete('all');
    expect([...said.values()].reduce((sum, count) => sum + count)).toBe(pools.reduce((sum, max) => sum + max, single));
  });
});

describe('docs/scale.md', () => {
  it('counts the connections to PostgreSQL as the capacity in docs/operations.md does', () => {
    const [scale, operations] = [textOf('docs/scale.md'), textOf('docs/operations.md')];
    const ofOne = Number(/^\| all +\| (\d+) +\|$/m.exec(operations)?.[1]);
    expect(Number(/^\| PostgreSQL connections of a process, at most +\| (\d+) /m.exec(scale)?.[1])).toBe(ofOne);
    const [, processes, ofAll] = /\*\*Connections\.\*\* (\d+) processes have at most (\d+):/.exec(scale) ?? [];
    expect(Number(ofAll)).toBe(Number(processes) * ofOne);
  });
});

describe('infra/prometheus/alerts.yml', () => {
  const [, section = ''] = /^## Alerts and what to do\n(.*?)^## /ms.exec(textOf('docs/operations.md')) ?? [];
  const headings = [...section.matchAll(/^### (\S+)$/gm)].map(([, heading]) => heading);
  const alerts = alertRules();

  it.each(alerts)('links $alert to a heading of its name in docs/operations.md', ({ alert, annotations }) => {
    expect(annotations.runbook_url).toBe(`docs/operations.md#${alert.toLowerCase()}`);
    expect(headings).toContain(alert);
  });

  it('has an alert for each heading of that kind', () => {
    expect(alerts.map(({ alert }) => alert).sort()).toEqual([...headings].sort());
  });
});
