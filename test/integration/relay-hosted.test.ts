import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Readiness } from '../../src/http/readiness.js';
import { limits } from '../../src/limits.js';
import { samplesIn } from '../support/exposition.js';
import { type HttpApp, startHttpApp } from '../support/http-app.js';
import { memoryEngines } from '../support/memory-engines.js';
import { KAFKA_ERROR, StubKafka } from '../support/stub-kafka.js';
import { until } from '../support/until.js';

let kafka: StubKafka;
let app: HttpApp;
beforeEach(async () => {
  kafka = await StubKafka.start();
});
afterEach(async () => {
  await app.close();
  await kafka.stop();
});

const start = async (environment: Record<string, string> = {}) => {
  app = await startHttpApp(memoryEngines(), { KAFKA_BROKERS: kafka.brokers.join(','), ...environment });
  app.app.get(Readiness).serve();
  await app.app.init();
};
const ready = async () => (await app.call('GET', '/health/ready', { key: null })) as { status: number; json: Ready };
interface Ready {
  readonly status: string;
  readonly checks: Record<string, string>;
  readonly reasons?: Record<string, string>;
}
const sample = async (name: string) => samplesIn((await app.call('GET', '/metrics', { key: null })).text).get(name);
const talk = async () => {
  const { status } = await app.call('POST', '/api/v1/conversations', { body: { title: 'First' } });
  expect(status).toBe(201);
};

describe('a process that relays', () => {
  it('sends a turn to Kafka, and reports its position', async () => {
    await start();
    await talk();
    await until(() => kafka.kept.length === 1);
    expect(kafka.kept[0]?.headers).toMatchObject({ ce_type: 'ConversationStarted', ce_source: '/verbatim/default' });
    // The broker keeps an event a moment before the relay has its acknowledgement.
    await until(async () => (await sample('relay_sent_total')) === 1);
    await until(async () => (await sample('relay_lag_events')) === 0);
    expect([await sample('relay_lag_seconds'), await sample('relay_stopped')]).toEqual([0, 0]);
    expect(await ready()).toMatchObject({ status: 200, json: { checks: { relay: 'ok' } } });
  });

  it('serves chats while Kafka is away, and says that the relay is behind', async () => {
    kafka.onMetadata = () => KAFKA_ERROR.leaderNotAvailable;
    kafka.addTopic('verbatim.events.v1', limits.relayPartitions);
    await start();
    await talk();
    await until(async () => (await ready()).json.checks.relay === 'behind');
    const { status, json } = await ready();
    expect([status, json.status]).toEqual([200, 'ready']);
    expect(json.reasons).toEqual({ relay: 'Kafka cannot be used now: LEADER_NOT_AVAILABLE' });
    await until(async () => (await sample('relay_lag_events')) === 1);
    kafka.onMetadata = () => KAFKA_ERROR.none;
    await until(() => kafka.kept.length === 1);
    await until(async () => (await ready()).json.checks.relay === 'ok');
  });

  it('serves chats while Kafka denies it a right, says so everywhere, and goes on by itself when it has the right', async () => {
    kafka.onInitProducer = () => KAFKA_ERROR.clusterAuthorization;
    await start();
    await talk();
    await until(async () => (await ready()).json.checks.relay === 'stopped');
    const { status, json } = await ready();
    expect([status, json.status]).toEqual([200, 'ready']);
    expect(json.reasons?.relay).toBe(
      'Kafka refuses: CLUSTER_AUTHORIZATION_FAILED; the relay retries until the brokers accept it',
    );
    expect([await sample('relay_denied'), await sample('relay_stopped')]).toEqual([1, 0]);
    expect(app.log.join('')).toContain('the destination of the relay refuses; the relay retries until it succeeds');
    kafka.onInitProducer = () => KAFKA_ERROR.none;
    await until(() => kafka.kept.length === 1);
    await until(async () => (await ready()).json.checks.relay === 'ok');
    expect(await sample('relay_denied')).toBe(0);
    expect(app.log.join('')).toContain('the relay has resumed');
  });

  it('serves chats beside a topic that it refuses, and says why it relays nothing', async () => {
    kafka.addTopic('other', 3);
    await start({ KAFKA_TOPIC: 'other' });
    await talk();
    await until(async () => (await ready()).json.checks.relay === 'stopped');
    const { status, json } = await ready();
    expect([status, json.status]).toEqual([200, 'ready']);
    expect(json.reasons?.relay).toContain('topic other has 3 partitions, and must have 12');
    expect(await sample('relay_stopped')).toBe(1);
    await until(async () => (await sample('relay_lag_events')) === 1);
    expect(app.log.join('')).toContain('the relay has stopped; it has skipped no event');
    expect(kafka.kept).toEqual([]);
  });

  it('does not connect to Kafka without the role, and reports the lag while no process relays', async () => {
    await start({ VERBATIM_ROLES: 'api,saga,projections' });
    await talk();
    expect((await ready()).json.checks).not.toHaveProperty('relay');
    await until(async () => (await sample('relay_lag_events')) === 1);
    await until(async () => Number(await sample('relay_lag_seconds')) > 0);
    expect(kafka.open).toBe(0);
  });
});
