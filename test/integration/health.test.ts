import { isDeepStrictEqual } from 'node:util';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Readiness } from '../../src/http/readiness.js';
import { LogUnavailable, RetryableError } from '../../src/ports/errors.js';
import { samplesIn } from '../support/exposition.js';
import { gate } from '../support/gate.js';
import { type HttpApp, startHttpApp } from '../support/http-app.js';
import { memoryEngines } from '../support/memory-engines.js';
import { until } from '../support/until.js';

let app: HttpApp;
afterEach(() => app.close());

const ready = async () => {
  const { status, headers, json } = await app.call('GET', '/health/ready', { key: null });
  return { status, retryAfter: headers['retry-after'], json };
};
const untilReady = (expected: object) => until(async () => isDeepStrictEqual(await ready(), expected));
const allOk = { log: 'ok', readModels: 'ok', projections: 'ok', background: 'ok', record: 'ok' };
const unready = (status: string, checks = allOk) => ({ status: 503, retryAfter: '1', json: { status, checks } });

/** Engines of which a test may take two away, and hears how often they were asked. */
function breakable() {
  const engines = memoryEngines();
  const state = { log: engines.log.head.bind(engines.log), builds: engines.builds.list.bind(engines.builds), asked: 0 };
  engines.log.head = () => {
    state.asked += 1;
    return state.log();
  };
  engines.builds.list = () => state.builds();
  return { engines, state };
}

describe('whether a process is ready', () => {
  it('is false before it serves and while it drains, and liveness is always true', async () => {
    app = await startHttpApp();
    const readiness = app.app.get(Readiness);
    expect(await ready()).toEqual(unready('starting'));
    readiness.serve();
    expect(await ready()).toEqual({ status: 200, retryAfter: undefined, json: { status: 'ready', checks: allOk } });
    readiness.drain();
    expect(await ready()).toEqual(unready('draining'));
    expect((await app.call('GET', '/health/live', { key: null })).json).toEqual({ status: 'live' });
  });

  it('is a gauge with the status, which distinguishes a drain from an outage', async () => {
    const { engines, state } = breakable();
    app = await startHttpApp(engines);
    const gauge = async () => {
      const samples = samplesIn((await app.call('GET', '/metrics', { key: null })).text);
      return Object.fromEntries([...samples].filter(([name]) => name.startsWith('readiness{')));
    };
    expect(await gauge()).toEqual({ 'readiness{status="starting"}': 1 });
    const readiness = app.app.get(Readiness);
    readiness.serve();
    expect(await gauge()).toEqual({ 'readiness{status="ready"}': 1 });
    state.log = async () => {
      throw new LogUnavailable('away');
    };
    await untilReady(unready('unavailable', { ...allOk, log: 'unavailable' }));
    expect(await gauge()).toEqual({ 'readiness{status="unavailable"}': 1 });
    readiness.drain();
    expect(await gauge()).toEqual({ 'readiness{status="draining"}': 1 });
  });

  it('names the stores that are away, and does not depend on the lag of projections', async () => {
    const { engines, state } = breakable();
    app = await startHttpApp(engines);
    app.app.get(Readiness).serve();
    const { log, builds } = state;
    state.log = async () => {
      throw new LogUnavailable('away');
    };
    await untilReady(unready('unavailable', { ...allOk, log: 'unavailable' }));
    state.log = log;
    state.builds = async () => {
      throw new RetryableError('away');
    };
    const { json, ...rest } = unready('unavailable', { ...allOk, readModels: 'unavailable', projections: 'behind' });
    await untilReady({ ...rest, json: { ...json, reasons: { projections: 'their lag is not known' } } });
    state.builds = builds;
    await untilReady({ status: 200, retryAfter: undefined, json: { status: 'ready', checks: allOk } });
  });

  it('is answered at once while a store hangs, and the hanging store gets one query', async () => {
    const { engines, state } = breakable();
    app = await startHttpApp(engines);
    app.app.get(Readiness).serve();
    const { opened, open } = gate();
    const { log } = state;
    state.log = async () => {
      await opened;
      return log();
    };
    // An answer that waited for the store would never come: the gate opens after it.
    await untilReady(unready('unavailable', { ...allOk, log: 'unavailable' }));
    const before = state.asked;
    await Promise.all(Array.from({ length: 20 }, ready));
    expect(state.asked).toBe(before);
    open();
    await untilReady({ status: 200, retryAfter: undefined, json: { status: 'ready', checks: allOk } });
  });

  it('causes no more queries for more requests', async () => {
    const { engines, state } = breakable();
    app = await startHttpApp(engines);
    const before = state.asked;
    await Promise.all(Array.from({ length: 200 }, ready));
    await Promise.all(Array.from({ length: 20 }, () => app.call('GET', '/metrics', { key: null })));
    // One a second in the background, however slow the machine is; never one for each question.
    expect(state.asked - before).toBeLessThan(20);
  });

  it('is unavailable when a check breaks, which the log says once and the answer does not', async () => {
    const { engines, state } = breakable();
    app = await startHttpApp(engines);
    app.app.get(Readiness).serve();
    state.log = async () => {
      throw new TypeError('secret');
    };
    await untilReady(unready('unavailable', { ...allOk, log: 'unavailable' }));
    const asked = state.asked;
    await until(() => state.asked > asked);
    const lines = app.log.filter((line) => line.includes('a background check failed'));
    expect(lines).toHaveLength(1);
    expect(JSON.parse(lines[0] as string)).toMatchObject({ level: 'warn', survey: 'log', err: { type: 'TypeError' } });
  });
});

describe('a check that finds old data', () => {
  it('is named in the answer, and leaves the process ready', async () => {
    app = await startHttpApp();
    const readiness = new Readiness();
    readiness.add('log', () => ({ is: 'ok' }));
    readiness.add('projections', () => ({ is: 'behind' }));
    readiness.serve();
    expect(readiness.report()).toEqual({ status: 'ready', checks: { log: 'ok', projections: 'behind' } });
  });
});
