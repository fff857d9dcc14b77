import { afterEach, describe, expect, it } from '@jest/globals';
import type { Engines } from '../../src/app/engines.js';
import { Readiness } from '../../src/http/readiness.js';
import type { BackgroundHealth } from '../../src/ports/background-health.js';
import type { LanguageModel } from '../../src/ports/language-model.js';
import { CONVERSATIONS } from '../support/chat.js';
import { type HttpApp, startHttpApp } from '../support/http-app.js';
import { memoryEngines } from '../support/memory-engines.js';
import { until } from '../support/until.js';

// A rejection that nothing awaits fails a test here, as it would end the process.
let http: HttpApp;
afterEach(() => http.close());

const denied = () => Object.assign(new Error('permission denied'), { code: '42501' });

/** Replaces one call of an engine; what is returned puts it back. */
function breaking<T extends object, K extends keyof T>(engine: T, call: K): () => void {
  const whole = engine[call];
  engine[call] = (async () => {
    throw denied();
  }) as T[K];
  return () => {
    engine[call] = whole;
  };
}

/** A subscription that fails as soon as it is read. */
function breakingSubscriptions(engines: Engines): () => void {
  const whole = engines.log.subscribe;
  // biome-ignore lint/correctness/useYield: it fails before it has anything to yield
  engines.log.subscribe = async function* () {
    throw denied();
  };
  return () => {
    engines.log.subscribe = whole;
  };
}

/** As a log reports that it cannot look for new events. */
function breakingLogHead(engines: Engines): () => void {
  let report: BackgroundHealth | undefined;
  engines.log.reportTo = (health) => {
    report = health;
    health.failed('log head', denied());
  };
  return () => report?.recovered('log head');
}

const readiness = async () => (await http.call('GET', '/health/ready', { key: null })).json as Record<string, unknown>;
const failingParts = async () => {
  const { text } = await http.call('GET', '/metrics', { key: null });
  return [...text.matchAll(/^background_failing\{part="(.*)"\} 1$/gm)].map(([, part]) => part);
};

describe('an unexpected error of a database', () => {
  it.each([
    ['work taking', (engines: Engines) => breaking(engines.work, 'take')],
    ['work renewing', (engines: Engines) => breaking(engines.work, 'renew')],
    ['live events', breakingSubscriptions],
    ['log head', breakingLogHead],
    ['projections', (engines: Engines) => breaking(engines.builds, 'list')],
    ['seats', (engines: Engines) => breaking(engines.leases, 'count')],
    ['keys', (engines: Engines) => breaking(engines.checkpoints, 'open')],
    ['work', (engines: Engines) => breaking(engines.leases, 'acquire')],
    ['projection usage', (engines: Engines) => breaking(engines.lanes, 'open')],
  ])('in %s leaves the API serving, is visible, and passes', async (part, breakIn) => {
    const engines = memoryEngines();
    const mend = breakIn(engines);
    http = await startHttpApp(engines, { VERBATIM_LEASE_MS: '1000' });
    http.app.get(Readiness).serve();
    // A turn, so that each part has something to do.
    const { json } = await http.call('POST', CONVERSATIONS, { body: {} });
    const { id } = json as { id: string };
    const turn = await http.call('POST', `${CONVERSATIONS}/${id}/messages`, { body: { content: 'hello' } });
    expect(turn.status).toBe(202);

    await until(async () => (await failingParts()).includes(part));
    const report = await readiness();
    if (part !== 'projections') expect(report).toMatchObject({ status: 'ready', checks: { background: 'failing' } });
    expect(JSON.stringify(report)).not.toContain('permission denied');
    // The log line names the lane as well, of which there is another one with each build.
    const isOfPart = new RegExp(`^${part}( \\(build \\d+\\))?$`);
    const line = http.log.map((each) => JSON.parse(each)).find((each) => isOfPart.test(each.part));
    expect(line).toMatchObject({ level: 'error', msg: 'background work failed and will be retried' });
    const { text } = await http.call('GET', '/metrics', { key: null });
    expect(text).toMatch(new RegExp(`^background_failures_total\\{part="${part}"\\} [1-9]`, 'm'));

    mend();
    await until(async () => (await failingParts()).length === 0);
    await until(async () => (await readiness()).status === 'ready');
    expect(await readiness()).toMatchObject({ checks: { background: 'ok' } });
  });

  it('of a call that is made ready while the log flushes delays its answer, and ends nothing', async () => {
    const engines = memoryEngines();
    const demo = engines.models.get('demo') as LanguageModel;
    let failures = 0;
    const models = new Map<string, LanguageModel>([
      [
        'demo',
        {
          prepare: (prompt) => {
            if (failures === 1) return demo.prepare(prompt);
            failures += 1;
            throw denied();
          },
        },
      ],
    ]);
    // The call is made ready long before the prompt is committed.
    const append = engines.log.append.bind(engines.log);
    engines.log.append = async (...args) => {
      await new Promise((resolve) => setTimeout(resolve, 30));
      return append(...args);
    };
    http = await startHttpApp({ ...engines, models }, { VERBATIM_LEASE_MS: '1000' });
    const { id } = (await http.call('POST', CONVERSATIONS, { body: {} })).json as { id: string };
    await http.call('POST', `${CONVERSATIONS}/${id}/messages`, { body: { content: 'hello' } });
    await until(async () => {
      const { json } = await http.call('GET', `${CONVERSATIONS}/${id}`);
      return (json as { tree: { status: string }[] }).tree.at(-1)?.status === 'final';
    });
    expect(failures).toBe(1);
  });
});
