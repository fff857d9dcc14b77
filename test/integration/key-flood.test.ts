import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, jest } from '@jest/globals';
import { ConnectionPool } from '../../src/adapters/postgres/connection-pool.js';
import { PostgresKeys } from '../../src/adapters/postgres/postgres-keys.js';
import { PostgresLeases } from '../../src/adapters/postgres/postgres-leases.js';
import { openEngines } from '../../src/app/engines.js';
import { loadConfig } from '../../src/config.js';
import { expectProblem } from '../support/expect-problem.js';
import { onlyUsually, usually } from '../support/extent.js';
import { type HttpApp, startHttpApp } from '../support/http-app.js';
import { memoryEngines } from '../support/memory-engines.js';
import { startTestPostgres, type TestPostgres } from '../support/postgres-cluster.js';

const REQUESTS = usually(3_000, 10_000);
const AT_ONCE = 500;
const EACH_KNOWN = 100;
/** Each query of a flood may take as many ids as have arrived by then: this many queries would be one for 20 requests. */
const QUERIES_MAX = REQUESTS / 20;

let postgres: TestPostgres;
let keyPool: ConnectionPool;
let leasePool: ConnectionPool;
let http: HttpApp;
beforeAll(async () => {
  postgres = await startTestPostgres();
  keyPool = new ConnectionPool(postgres.connection, 2, 10_000);
  leasePool = new ConnectionPool(postgres.connection, 2, 10_000);
});
afterAll(async () => {
  await keyPool.close();
  await leasePool.close();
  await postgres.stop();
});
beforeEach(async () => {
  const engines = { ...memoryEngines(), keys: new PostgresKeys(keyPool), leases: new PostgresLeases(leasePool) };
  http = await startHttpApp(engines, { LOG_LEVEL: 'fatal' });
});
afterEach(async () => {
  jest.restoreAllMocks();
  await http.close();
});

const madeUp = () => `vb_${randomUUID().replaceAll('-', '')}_${'a'.repeat(64)}`;
const me = (key: string, headers: Record<string, string> = {}) => http.call('GET', '/api/v1/me', { key, headers });

it(`${REQUESTS} made-up keys cost few queries, all on the pool of keys, and a known key answers meanwhile`, async () => {
  expect((await me(http.adminKey)).status).toBe(200);
  const { key: neverUsed } = await http.newKey('member');
  const queries = jest.spyOn(ConnectionPool.prototype, 'query');
  const statuses = new Map<number, number>();
  let left = REQUESTS;
  const during: number[] = [];
  const flood = Array.from({ length: AT_ONCE }, async () => {
    while (left-- > 0) {
      if (left % EACH_KNOWN === 0) during.push((await me(http.adminKey)).status);
      if (left === REQUESTS / 2) during.push((await me(neverUsed)).status);
      const { status } = await me(madeUp());
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  });
  await Promise.all(flood);

  expect([...statuses.keys()].toSorted()).toEqual([401, 429]);
  expect(statuses.get(429)).toBeGreaterThan(REQUESTS / 2);
  expect(during.length).toBeGreaterThan(REQUESTS / EACH_KNOWN / 2);
  expect(during.every((status) => status === 200)).toBe(true);
  const ofKeys = queries.mock.calls.filter(([{ text }]) => text.includes('api_keys'));
  expect(ofKeys.length).toBeLessThan(QUERIES_MAX);
  const poolsOfKeys = queries.mock.contexts.filter((_, nth) => queries.mock.calls[nth]?.[0].text.includes('api_keys'));
  expect(poolsOfKeys.every((pool) => pool === keyPool)).toBe(true);
}, 180_000);

onlyUsually(() => {
  it('an address with too many wrong keys gets Retry-After, also if its forwarding headers name other addresses', async () => {
    let answer = await me(madeUp());
    for (let nth = 0; nth < 200 && answer.status === 401; nth++) {
      answer = await me(madeUp(), { 'x-forwarded-for': `192.0.2.${nth}`, forwarded: `for=192.0.2.${nth}` });
    }
    expectProblem(answer, 429, 'rate_limited');
    expect(Number(answer.headers['retry-after'])).toBeGreaterThanOrEqual(1);
  });

  it('behind a proxy that the operator trusts, each client has its own bound', async () => {
    await http.close();
    http = await startHttpApp(memoryEngines(), { VERBATIM_TRUSTED_PROXIES: '127.0.0.0/8' });
    const statusFor = async (address: string) => (await me(madeUp(), { 'x-forwarded-for': address })).status;
    let status = 401;
    for (let nth = 0; nth < 200 && status === 401; nth++) status = await statusFor('192.0.2.1');
    expect(status).toBe(429);
    expect(await statusFor('192.0.2.2')).toBe(401);
    // What the client itself wrote stands to the left of what the proxy saw. Time allows some more wrong keys, but not so many.
    const again: number[] = [];
    while (again.length < 25 && !again.includes(429)) again.push(await statusFor('192.0.2.3, 192.0.2.1'));
    expect(again).toContain(429);
  });

  it('the product asks for keys on a pool that nothing else waits for', async () => {
    const { host, port, user, database } = postgres.connection;
    const url = `postgres:///${database}?${new URLSearchParams({ host, port: String(port), user })}`;
    const engines = await openEngines(loadConfig({ DATABASE_URL: url }), () => {});
    const poolOf = async (ask: () => Promise<unknown>) => {
      const queries = jest.spyOn(ConnectionPool.prototype, 'query');
      await ask();
      const [pool] = queries.mock.contexts;
      queries.mockRestore();
      return pool;
    };
    const ofKeys = await poolOf(() => engines.keys.find('nobody'));
    expect(ofKeys).toBeInstanceOf(ConnectionPool);
    expect(await poolOf(() => engines.keys.findAll(['nobody']))).toBe(ofKeys);
    const others = [
      () => engines.leases.acquire('some work', 'somebody', 1_000),
      () => engines.work.find('nothing'),
      () => engines.checkpoints.open('nothing', 1),
      () => engines.builds.list(),
    ];
    for (const other of others) expect(await poolOf(other)).not.toBe(ofKeys);
    await engines.close();
  });
});
