import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { createApp } from '../../../src/app/create-app.js';
import { loadConfig } from '../../../src/config.js';
import { ProjectionHost } from '../../../src/projections/projection-host.js';
import { EventRelay } from '../../../src/relay/event-relay.js';
import { GenerationSaga } from '../../../src/sagas/generation-saga.js';
import { SubscriptionRunner } from '../../../src/sagas/subscription-runner.js';
import { LiveEvents } from '../../../src/sse/live-events.js';
import { OpenStreams } from '../../../src/sse/open-streams.js';
import { memoryEngines } from '../../support/memory-engines.js';

/** What the parts of the process did, in order. A call that takes time has a beginning and an end. */
let steps: string[];

type Call = (...args: unknown[]) => unknown;

/** Replaces a method by one that only records its call, and ends after other work had the chance to begin. */
function record(part: string, owner: object, method: string, turns = 20): void {
  const recorded: Call = async () => {
    steps.push(`${part} ${method}`);
    for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate);
    steps.push(`${part} ${method} ended`);
  };
  jest.spyOn(owner as Record<string, Call>, method).mockImplementation(recorded);
}

beforeEach(() => {
  steps = [];
  const parts = { live: LiveEvents, saga: GenerationSaga, lanes: ProjectionHost, relay: EventRelay };
  for (const [part, { prototype }] of Object.entries(parts)) {
    for (const method of ['start', 'stop']) record(part, prototype, method);
  }
  for (const method of ['start', 'stop'] as const) {
    jest.spyOn(SubscriptionRunner.prototype, method).mockImplementation(async () => {
      steps.push(`subscription ${method}`);
    });
  }
  // Slower than all the rest, so that a start that does not wait for it shows.
  record('live', LiveEvents.prototype, 'start', 200);
  const { close } = FastifyAdapter.prototype;
  jest.spyOn(FastifyAdapter.prototype, 'close').mockImplementation(async function (this: FastifyAdapter) {
    await close.call(this);
    steps.push('server closed');
  });
  record('streams', OpenStreams.prototype, 'drain');
  record('streams', OpenStreams.prototype, 'end');
});
afterEach(() => void jest.restoreAllMocks());

async function lifeOf(environment: Record<string, string> = {}): Promise<string[]> {
  const engines = memoryEngines();
  record('tables', engines.builds, 'prepare');
  const config = loadConfig({ KAFKA_BROKERS: '127.0.0.1:1', ...environment });
  const app = await createApp(engines, config, '0.0.0', { logTo: { write: () => {} } });
  steps.push('serving');
  await app.close();
  return steps;
}

/** Whether the steps come in this order, whatever is between them. */
function expectInOrder(all: readonly string[], ...expected: string[]): void {
  expect(all.filter((step) => expected.includes(step))).toEqual(expected);
}

describe('a process with all roles', () => {
  it('starts live events and makes the tables before everything that can cause an event', async () => {
    const all = await lifeOf();
    for (const part of ['saga start', 'lanes start', 'relay start']) {
      expectInOrder(all, 'live start ended', part);
      expectInOrder(all, 'tables prepare ended', part);
    }
    expect(all.indexOf('subscription start')).toBeGreaterThan(all.indexOf('live start ended'));
  });

  it('stops in the order: streams, saga, server, background work, live events', async () => {
    const all = await lifeOf();
    const end = all.slice(all.indexOf('serving'));
    expectInOrder(
      end,
      'streams drain',
      'saga stop',
      'saga stop ended',
      'streams end',
      'server closed',
      'lanes stop',
      'lanes stop ended',
      'live stop',
      'live stop ended',
    );
    expectInOrder(end, 'server closed', 'relay stop', 'relay stop ended', 'live stop');
    expectInOrder(end, 'server closed', 'subscription stop', 'subscription stop', 'live stop');
  });

  it('stops all background work at the same time', async () => {
    const all = await lifeOf();
    const begun = all.filter((step) => /^(lanes|relay|subscription) stop$/.test(step));
    expect(begun).toHaveLength(4);
    const lastBegun = Math.max(
      all.indexOf('lanes stop'),
      all.indexOf('relay stop'),
      all.lastIndexOf('subscription stop'),
    );
    expect(lastBegun).toBeLessThan(all.indexOf('lanes stop ended'));
    expect(lastBegun).toBeLessThan(all.indexOf('relay stop ended'));
  });
});

describe('a process', () => {
  it.each([
    ['api', [], 0],
    ['saga', ['saga'], 1],
    ['projections', ['lanes'], 1],
    ['relay', ['relay'], 0],
    ['api,saga,projections,relay', ['lanes', 'relay', 'saga'], 2],
  ])('with the roles %s starts %j and %i subscriptions', async (roles, parts, subscriptions) => {
    const all = await lifeOf({ VERBATIM_ROLES: roles });
    const started = all.slice(0, all.indexOf('serving'));
    expect(started.filter((step) => /^(saga|lanes|relay) start$/.test(step)).sort()).toEqual(
      parts.map((part) => `${part} start`),
    );
    expect(started.filter((step) => step === 'subscription start')).toHaveLength(subscriptions);
    // The log that went back is noticed in every process, and the tables are there for every reader.
    expectInOrder(started, 'live start', 'live start ended');
    expect(started).toContain('tables prepare');
  });

  it('with the role relay starts no relay unless the configuration names brokers', async () => {
    expect(await lifeOf({ VERBATIM_ROLES: 'relay', KAFKA_BROKERS: '' })).not.toContain('relay start');
  });
});
