import { afterEach, describe, expect, it } from '@jest/globals';
import { Readiness } from '../../src/http/readiness.js';
import { limits } from '../../src/limits.js';
import { LogUnavailable, RetryableError } from '../../src/ports/errors.js';
import { gate } from '../support/gate.js';
import { type HttpApp, startHttpApp } from '../support/http-app.js';
import { memoryEngines } from '../support/memory-engines.js';

let app: HttpApp;
afterEach(() => app.close());

const ready = async () => {
  const { status, headers, json } = await app.call('GET', '/health/ready', { key: null });
  return { status, retryAfter: headers['retry-after'], json };
};
const allOk = { log: 'ok', readModels: 'ok', projections: 'ok' };
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
  it('is no before it serves and once it drains, and alive it is all the time', async () => {
    app = await startHttpApp();
    const readiness = app.app.get(Readiness);
    expect(await ready()).toEqual(unready('starting'));
    readiness.serve();
    expect(await ready()).toEqual({ status: 200, retryAfter: undefined, json: { status: 'ready', checks: allOk } });
    readiness.drain();
    expect(await ready()).toEqual(unready('draining'));
    expect((await app.call('GET', '/health/live', { key: null })).json).toEqual({ status: 'live' });
  });

  it('names what is away', async () => {
    const { engines, state } = breakable();
    app = await startHttpApp(engines);
    app.app.get(Readiness).serve();
    const { log, builds } = state;
    state.log = async () => {
      throw new LogUnavailable('away');
    };
    expect(await ready()).toEqual(unready('unavailable', { ...allOk, log: 'unavailable' }));
    state.log = log;
    state.builds = async () => {
      throw new RetryableError('away');
    };
    expect(await ready()).toEqual(
      unready('unavailable', { ...allOk, readModels: 'unavailable', projections: 'unavailable' }),
    );
    state.builds = builds;
    expect(await ready()).toMatchObject({ status: 200 });
  });

  it('does not wait for what hangs, nor asks it again meanwhile', async () => {
    const { engines, state } = breakable();
    app = await startHttpApp(engines);
    app.app.get(Readiness).serve();
    const { opened, open } = gate();
    const { log } = state;
    state.log = async () => {
      await opened;
      return log();
    };
    const before = state.asked;
    const startedMs = performance.now();
    const answers = await Promise.all([1, 2, 3].map(() => ready()));
    expect(performance.now() - startedMs).toBeLessThan(limits.readinessAnswerMs + 1_000);
    for (const answer of answers) expect(answer).toEqual(unready('unavailable', { ...allOk, log: 'unavailable' }));
    expect(state.asked - before).toBe(1);
    open();
  });

  it('is an error of ours when a check breaks, and says nothing of it', async () => {
    const { engines, state } = breakable();
    app = await startHttpApp(engines);
    state.log = async () => {
      throw new Error('secret');
    };
    expect(await ready()).toMatchObject({ status: 500, json: { code: 'internal_error' } });
  });
});

describe('a check that finds old data', () => {
  it('is told, and leaves the process ready', async () => {
    app = await startHttpApp();
    const readiness = new Readiness({ log: async () => 'ok', projections: async () => 'behind' });
    readiness.serve();
    expect(await readiness.report()).toEqual({ status: 'ready', checks: { log: 'ok', projections: 'behind' } });
  });
});
