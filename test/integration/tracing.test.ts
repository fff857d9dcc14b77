import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { openTracing } from '../../src/adapters/opentelemetry/open-tracing.js';
import type { RequestBegun } from '../../src/ports/tracer.js';
import { type OtlpReceiver, startOtlpReceiver } from '../support/otlp-receiver.js';
import { until } from '../support/until.js';

const request: RequestBegun = {
  traceId: 'ab'.repeat(16),
  traceparent: undefined,
  method: 'GET',
  route: '/health/live',
  scheme: 'http',
  httpVersion: '1.1',
  localAddress: '127.0.0.1',
  localPort: 3000,
};

let receiver: OtlpReceiver;
const before = { ...process.env };
beforeEach(async () => {
  receiver = await startOtlpReceiver();
  process.env.OTEL_EXPORTER_OTLP_ENDPOINT = receiver.url;
});
afterEach(async () => {
  for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
  await receiver.stop();
});

describe('the export of traces', () => {
  it('sends what is left when it closes, by the name that the environment gives the service', async () => {
    process.env.OTEL_SERVICE_NAME = 'chat-of-a-team';
    const { tracer, close } = openTracing('http/json', '1.2.3', () => {});
    tracer.requestBegun(request).end(200);
    await close();
    expect(receiver.spans().map(({ name }) => name)).toEqual(['GET /health/live']);
    expect(receiver.resource()).toMatchObject({ 'service.name': 'chat-of-a-team', 'service.version': '1.2.3' });
  });

  it('keeps only as many spans as its queue may hold while the collector hangs', async () => {
    process.env.OTEL_BSP_MAX_QUEUE_SIZE = '20';
    process.env.OTEL_BSP_MAX_EXPORT_BATCH_SIZE = '10';
    process.env.OTEL_EXPORTER_OTLP_TIMEOUT = '500';
    receiver.hang();
    const { tracer, close } = openTracing('http/json', '1.2.3', () => {});
    for (let count = 0; count < 10; count++) tracer.requestBegun(request).end(200);
    await until(() => receiver.exports.length === 1);
    for (let count = 0; count < 1_000; count++) tracer.requestBegun(request).end(200);
    await close();
    // Ten that hang, and the two batches of the queue, which the close sends too.
    expect(receiver.spans()).toHaveLength(30);
  });

  it.each([
    ['traceidratio', '0', 0],
    ['traceidratio', '1', 1],
    ['always_off', '', 0],
  ])('samples by %s %s as the environment says', async (sampler, argument, spans) => {
    process.env.OTEL_TRACES_SAMPLER = sampler;
    process.env.OTEL_TRACES_SAMPLER_ARG = argument;
    const { tracer, close } = openTracing('http/json', '1.2.3', () => {});
    tracer.requestBegun(request).end(200);
    await close();
    expect(receiver.exports.length === 0 ? [] : receiver.spans()).toHaveLength(spans);
  });
});
