import { randomBytes } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ApiClient } from '../support/api-client.js';
import { answer, MODEL_SERVED, stall } from '../support/fake-provider.js';
import { LiveChat } from '../support/live-chat.js';
import { ADMIN_KEY, environmentOf } from '../support/live-product.js';
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from '../support/otlp-receiver.js';
import { MODEL, startPlayedProvider } from '../support/played-provider.js';
import { withMigratedDataDirectory } from '../support/postgres-cluster.js';
import { runFromCheckout, started } from '../support/product.js';
import { withRestarts } from '../support/restarts.js';
import { withTemporaryDirectory } from '../support/temporary-directory.js';
import { TurnJournal } from '../support/turn-journal.js';
import { until } from '../support/until.js';

const SERVER = 2;
const CLIENT = 3;
const CALLER = 'cd'.repeat(8);
const newTrace = () => randomBytes(16).toString('hex');

let receiver: OtlpReceiver;
beforeEach(async () => {
  receiver = await startOtlpReceiver();
});
afterEach(() => receiver.stop());

/** The standard variables, and nothing of our own. */
const exporting = (): Record<string, string> => ({
  OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
  OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
  OTEL_BSP_SCHEDULE_DELAY: '50',
});
const spansOf = (trace: string) => receiver.spans().filter(({ traceId }) => traceId === trace);
const named = (spans: readonly ReceivedSpan[], name: string) => spans.filter((span) => span.name === name);
const tracesLinked = () => named(receiver.spans(), 'project messages').flatMap(({ links }) => links);

/** A place in the tree of a trace: the names from the span up to the one that the caller made. */
function placeOf(span: ReceivedSpan, spans: readonly ReceivedSpan[]): string {
  const parent = spans.find(({ spanId }) => spanId === span.parentSpanId);
  return parent ? `${placeOf(parent, spans)} > ${span.name}` : `${span.parentSpanId} > ${span.name}`;
}

describe('a product whose environment names a collector', () => {
  it('exports the spans of a streamed turn below the span of its caller, and no text of a person', async () => {
    await withRestarts(async ({ start, provider }) => {
      const { product, client } = await start({
        ...exporting(),
        OTEL_EXPORTER_OTLP_HEADERS: 'x-scope=verbatim-tests',
        OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test',
      });
      provider.play('SECRET-QUESTION', answer(['SECRET-', 'ANSWER']));
      const around = { journal: new TurnJournal(), provider };
      const key = await client.ask('POST', '/keys', { user: 'SECRET-USER', role: 'member', name: 'SECRET-NAME' });
      const user = new ApiClient(product.address, key.key);
      const chat = await LiveChat.start(around, user, { title: 'SECRET-TITLE', system: 'SECRET-SYSTEM' });
      const trace = newTrace();
      const streamed = await user.stream(
        'POST',
        chat.path('messages'),
        { content: 'SECRET-QUESTION', params: { temperature: 0.5, stop: ['SECRET-STOP'] } },
        {
          traceparent: `00-${trace}-${CALLER}-01`,
          'idempotency-key': 'SECRET-IDEMPOTENCY',
          'user-agent': 'SECRET-AGENT',
        },
      );
      await until(() => streamed.isClosed);
      expect(streamed.events.at(-1)?.data).toMatchObject({ done: true, full_response: 'SECRET-ANSWER' });
      await user.call('GET', '/conversations?q=SECRET-SEARCH');
      await user.call('GET', '/SECRET-PATH');
      await until(() => named(spansOf(trace), 'POST /api/v1/conversations/:id/messages').length === 1);
      await until(() => tracesLinked().includes(trace));
      expect(await product.stop()).toBe(0);

      const spans = spansOf(trace);
      const request = `${CALLER} > POST /api/v1/conversations/:id/messages`;
      expect(spans.map((span) => placeOf(span, spans)).sort()).toEqual(
        [
          request,
          `${request} > append conversation`,
          `${request} > generation`,
          `${request} > generation > append conversation`,
          `${request} > generation > append generation`,
          `${request} > generation > append generation`,
          `${request} > generation > chat ${MODEL}`,
        ].sort(),
      );
      const [served] = named(spans, 'POST /api/v1/conversations/:id/messages');
      expect(served).toMatchObject({
        kind: SERVER,
        attributes: {
          'http.request.method': 'POST',
          'http.route': '/api/v1/conversations/:id/messages',
          'http.response.status_code': 200,
          'url.scheme': 'http',
          'server.address': '127.0.0.1',
          'server.port': Number(new URL(product.address).port),
        },
      });
      const [attempt] = named(spans, `chat ${MODEL}`);
      expect(attempt).toMatchObject({
        kind: CLIENT,
        isError: false,
        attributes: {
          'gen_ai.operation.name': 'chat',
          'gen_ai.provider.name': 'openai',
          'gen_ai.request.model': MODEL,
          'gen_ai.request.temperature': 0.5,
          'gen_ai.conversation.id': chat.id,
          'gen_ai.response.model': MODEL_SERVED,
          'gen_ai.response.finish_reasons': ['stop'],
          'gen_ai.usage.input_tokens': expect.any(Number),
          'gen_ai.usage.output_tokens': expect.any(Number),
          'gen_ai.response.time_to_first_chunk': expect.any(Number),
          'verbatim.attempt.number': 1,
          'verbatim.attempt.outcome': 'completed',
        },
      });
      const [generation] = named(spans, 'generation');
      expect(generation?.attributes).toMatchObject({ 'verbatim.generation.status': 'final' });
      expect(generation?.milliseconds).toBeGreaterThanOrEqual(attempt?.milliseconds ?? Number.POSITIVE_INFINITY);
      const [question] = named(spans, 'append conversation').filter(
        ({ parentSpanId }) => parentSpanId === served?.spanId,
      );
      expect(question?.attributes).toEqual({
        'db.system.name': expect.stringMatching(/^(postgresql|eventstoredb)$/),
        'db.operation.name': 'append',
        'db.collection.name': 'conversation',
        'verbatim.append.events': 3,
        'verbatim.append.outcome': 'appended',
      });
      expect(receiver.resource()).toMatchObject({
        'service.name': 'verbatim',
        'service.version': expect.any(String),
        'deployment.environment.name': 'test',
      });
      expect(receiver.exports[0]?.headers['x-scope']).toBe('verbatim-tests');
      // A third party: it could correlate our users' requests, and a trace that it continues is not ours to read.
      expect(provider.calls('SECRET-QUESTION')[0]?.headers).not.toHaveProperty('traceparent');
      expect(receiver.exports.map(({ body }) => `${body}`).join('\n')).not.toMatch(/secret|vb_/i);
    });
  });

  it('continues the trace over a crash: the next process makes the second attempt and the end of the same generation', async () => {
    await withRestarts(async ({ start, provider }) => {
      provider.play('silent', [stall], answer(['at last']));
      const first = await start(exporting());
      const around = { journal: new TurnJournal(), provider };
      const chat = await LiveChat.start(around, first.client, {});
      const trace = newTrace();
      const traceparent = `00-${trace}-${CALLER}-01`;
      const { json: turn } = await chat.post('messages', { content: 'silent' }, { traceparent });
      await until(() => provider.calls('silent').length === 1);
      await until(() => named(spansOf(trace), 'POST /api/v1/conversations/:id/messages').length === 1);
      await first.product.stop('SIGKILL');

      const second = await start(exporting());
      await chat.as(second.client).ended(turn);
      expect(await second.product.stop()).toBe(0);

      const spans = spansOf(trace);
      const request = `${CALLER} > POST /api/v1/conversations/:id/messages`;
      const generations = named(spans, 'generation');
      expect(generations.map((span) => placeOf(span, spans))).toEqual([`${request} > generation`]);
      expect(generations[0]?.attributes['verbatim.generation.attempts']).toBe(2);
      const attempts = named(spans, `chat ${MODEL}`);
      // That of the first process died with it.
      expect(attempts.map((span) => [placeOf(span, spans), span.attributes['verbatim.attempt.number']])).toEqual([
        [`${request} > generation > chat ${MODEL}`, 2],
      ]);
    });
  });

  it('answers turns and stops with 0 although the collector never answers', async () => {
    await withRestarts(async ({ start, provider }) => {
      const { OTEL_EXPORTER_OTLP_PROTOCOL: _, ...byDefault } = exporting();
      const patient = { OTEL_EXPORTER_OTLP_TIMEOUT: '600000', OTEL_BSP_EXPORT_TIMEOUT: '600000' };
      const { product, client } = await start({ ...byDefault, ...patient });
      await client.ask('GET', '/me');
      await until(() => receiver.exports.length > 0);
      receiver.hang();
      const answered = receiver.exports.length;
      const chat = await LiveChat.start({ journal: new TurnJournal(), provider }, client, {});
      await until(() => receiver.exports.length > answered);
      const turn = await chat.send('while it hangs');
      expect(await chat.ended(turn)).toMatchObject({ status: 'final', text: 'answer to 1' });
      // Waiting for the collector would take longer than a stop may take, and that stop ends with 1.
      expect(await product.stop()).toBe(0);
      expect(receiver.exports[0]?.headers['content-type']).toBe('application/x-protobuf');
      expect(Buffer.concat(receiver.exports.map(({ body }) => body)).includes('append conversation')).toBe(true);
    });
  });

  it('answers turns, and reports once that spans are dropped, while there is no collector', async () => {
    await withRestarts(async ({ start, provider }) => {
      // A number that no collector has: the receiver's, after it has stopped.
      const environment = exporting();
      await receiver.stop();
      const { product, client } = await start({ ...environment, OTEL_EXPORTER_OTLP_TIMEOUT: '100' });
      const chat = await LiveChat.start({ journal: new TurnJournal(), provider }, client, {});
      await chat.say('to nobody');
      await until(() => product.said().includes('traces cannot be exported'));
      await chat.say('once more');
      expect(await product.stop()).toBe(0);
      expect(product.said().match(/traces cannot be exported \(ECONNREFUSED\): spans are dropped/g)).toHaveLength(1);
      receiver = await startOtlpReceiver();
    });
  });
});

/** The scripts that `npm start` has loaded when it stops, as V8 lists them for coverage. */
async function loadedWithoutCollector(): Promise<string[]> {
  const loaded: string[] = [];
  const provider = await startPlayedProvider();
  await withTemporaryDirectory(async (directory) => {
    await withMigratedDataDirectory(async (dataDir) => {
      const environment = { ...environmentOf(provider, dataDir), NODE_V8_COVERAGE: directory };
      const product = await started(runFromCheckout(environment));
      const client = new ApiClient(product.address, ADMIN_KEY);
      const chat = await LiveChat.start({ journal: new TurnJournal(), provider }, client, {});
      await chat.say('which modules');
      expect(await product.stop()).toBe(0);
    });
    const names = await readdir(directory);
    for (const name of names) {
      const { result } = JSON.parse(await readFile(join(directory, name), 'utf8')) as { result: { url: string }[] };
      loaded.push(...result.flatMap(({ url }) => (url.startsWith('file:') ? [fileURLToPath(url)] : [])));
    }
    // Otherwise a list that is empty would prove that nothing is loaded.
    const isListed = loaded.some((path) => path.includes('/bundle/'));
    if (!isListed) throw new Error(`nothing of the product among ${loaded.length} scripts of ${names.join(', ')}`);
  });
  await provider.stop();
  return loaded;
}

/** Each of these is in the sources of the SDK, and in none of ours. */
const SDK = /OTEL_BSP_SCHEDULE_DELAY|OTLPTraceExporter/;

async function ofTheSdk(paths: readonly string[]): Promise<string[]> {
  const contents = await Promise.all(paths.map(async (path) => [path, await readFile(path, 'utf8')] as const));
  return contents.flatMap(([path, content]) => (SDK.test(content) ? [path] : []));
}

describe('a product whose environment names no collector', () => {
  it('loads nothing of the SDK of OpenTelemetry, which the bundle has in files of its own', async () => {
    const bundle = join(process.cwd(), 'bundle');
    const files = (await readdir(bundle)).flatMap((name) => (name.endsWith('.js') ? [join(bundle, name)] : []));
    expect(await ofTheSdk(files)).not.toEqual([]);
    expect(await ofTheSdk(await loadedWithoutCollector())).toEqual([]);
  });
});
