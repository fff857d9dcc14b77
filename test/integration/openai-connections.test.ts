import { getEventListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { OpenAiLanguageModel } from '../../src/adapters/openai/openai-language-model.js';
import { systemClock } from '../../src/adapters/system/system-clock.js';
import { limits } from '../../src/limits.js';
import type { LanguageModel } from '../../src/ports/language-model.js';
import {
  answer,
  delta,
  deltas,
  done,
  type FakeProvider,
  finish,
  hangUp,
  head,
  reset,
  type Script,
  type Step,
  send,
  sendHead,
  stall,
  startFakeProvider,
  waitFor,
} from '../support/fake-provider.js';
import { askedFor, atOnce, outcomeOf } from '../support/model-outputs.js';
import { until } from '../support/until.js';

let provider: FakeProvider;
let model: LanguageModel;

beforeEach(async () => {
  provider = await startFakeProvider();
  model = new OpenAiLanguageModel({ baseUrl: provider.baseUrl }, systemClock);
});

afterEach(async () => {
  await provider.stop();
});

const words = (count: number) => Array.from({ length: count }, (_, nth) => `word ${nth} `);

describe('a consumer that is slow', () => {
  it.each([
    ['small', words(12)],
    ['larger', words(10).map((word) => word + 'x'.repeat(4_000))],
  ])('loses nothing when the connection is reset behind it: %s deltas', async (_, texts) => {
    // Sent apart, so that some are still waiting when the reset comes.
    provider.script = [...deltas(texts, 1), reset];
    const slowly = { each: () => sleep(5) };
    const outcomes = await Promise.all(Array.from({ length: 50 }, () => outcomeOf(model, askedFor('Hello?'), slowly)));
    expect(outcomes.map(({ content }) => content)).toEqual(outcomes.map(() => texts.join('')));
    expect(outcomes.map(({ failure }) => failure?.kind)).toEqual(outcomes.map(() => 'network'));
  });

  it('gets all of it, and then the error, when the connection was gone after the first delta', async () => {
    const texts = words(20);
    provider.script = [...deltas(texts, 1), reset];
    const { content, failure } = await outcomeOf(model, askedFor('Hello?'), {
      each: () => until(() => provider.connections() === 0),
    });
    expect([content, failure?.kind]).toEqual([texts.join(''), 'network']);
  });

  it('makes the provider wait beyond the bound, and gets all of it in the end', async () => {
    const text = 'x'.repeat(64 * 1024);
    const count = 400;
    let sent = 0;
    const counted: Step = () => {
      sent += text.length;
    };
    provider.script = [...Array.from({ length: count }, () => [delta(text), counted]).flat(), finish(), done];
    let waitedAt = 0;
    const { content, finished } = await outcomeOf(model, askedFor('Hello?'), {
      async each() {
        if (waitedAt > 0) return;
        // The queue is full, and so are the buffers of the system: nothing moves any more.
        while (sent > waitedAt) {
          waitedAt = sent;
          await sleep(200);
        }
      },
    });
    expect(waitedAt).toBeLessThan((count * text.length) / 2);
    expect(content.length).toBe(count * text.length);
    expect(finished?.type).toBe('finished');
  });
});

describe('an abort', () => {
  const places: [string, Script][] = [
    ['before the head', [stall]],
    ['after the head', [sendHead, stall]],
    ['between two deltas', [delta('a'), stall]],
    ['while an error is read', [({ response }) => void response.writeHead(500).flushHeaders(), stall]],
    ['while deltas come', deltas(words(100_000), 1)],
  ];

  it.each(places)('%s ends the call without an error, and reaches the provider', async (_, script) => {
    provider.script = script;
    const leaving = new AbortController();
    const outcome = outcomeOf(model, askedFor('Hello?'), { signal: leaving.signal });
    await until(() => provider.requests.length === 1);
    leaving.abort();
    expect(await outcome).toMatchObject({ finished: undefined, failure: undefined });
    await until(() => provider.requests[0]?.abortedAt !== undefined, 1_000);
    await until(() => provider.connections() === 0, 1_000);
  });

  it('ends the request also while the consumer is busy with something else', async () => {
    provider.script = [...deltas(words(3)), stall];
    const leaving = new AbortController();
    const { content, failure } = await outcomeOf(model, askedFor('Hello?'), {
      signal: leaving.signal,
      async each() {
        leaving.abort();
        await until(() => provider.requests[0]?.abortedAt !== undefined, 1_000);
      },
    });
    expect([content, failure]).toEqual([words(1)[0], undefined]);
  });

  it('that came before sends nothing', async () => {
    expect((await outcomeOf(model, askedFor('Hello?'), { signal: AbortSignal.abort() })).outputs).toEqual([]);
    expect(provider.requests).toEqual([]);
    expect(provider.connections()).toBe(0);
  });

  it('before the connection is open leaves no connection', async () => {
    provider.script = [stall];
    const leaving = new AbortController();
    const outcome = outcomeOf(model, askedFor('Hello?'), { signal: leaving.signal });
    leaving.abort();
    expect((await outcome).failure).toBeUndefined();
    await until(() => provider.connections() === 0, 1_000);
  });

  it('leaves nothing hanging on the signal', async () => {
    const { signal } = new AbortController();
    for (const script of [answer(['a']), [delta('a')], [reset]]) {
      provider.script = script;
      await outcomeOf(model, askedFor('Hello?'), { signal });
    }
    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });
});

describe('a connection', () => {
  it('is closed when the loop is left', async () => {
    provider.script = [delta('a'), stall];
    for await (const _ of model.prepare(askedFor('Hello?')).stream(new AbortController().signal, atOnce)) break;
    await until(() => provider.requests[0]?.abortedAt !== undefined, 1_000);
    await until(() => provider.connections() === 0, 1_000);
  });

  it('is closed when the stream was not understood', async () => {
    provider.script = [({ response }) => void response.write('data: garbage\n\n'), stall];
    expect((await outcomeOf(model, askedFor('Hello?'))).failure?.kind).toBe('provider_error');
    await until(() => provider.connections() === 0, 1_000);
  });

  it('serves one answer after the other', async () => {
    for (let nth = 0; nth < 5; nth += 1) {
      expect((await outcomeOf(model, askedFor(`${nth}`))).content).toBe('Hello, world.');
      expect(provider.connections()).toBe(1);
    }
  });

  it.each<[string, Script]>([
    ['does not end', [stall]],
    ['goes on beyond the bound', [send('x'.repeat(2 * limits.providerQueueBytesMax)), stall]],
  ])('is closed when an answer that has said its last word %s', async (_, rest) => {
    provider.script = [...answer(['a']), ...rest];
    expect((await outcomeOf(model, askedFor('Hello?'))).finished?.finishReason).toBe('stop');
    await until(() => provider.connections() === 0, limits.providerTailMs + 3_000);
  });

  it('is closed when an error goes on beyond the bound', async () => {
    provider.script = [head(500), send('x'.repeat(2 * limits.providerErrorBytesMax)), stall];
    expect((await outcomeOf(model, askedFor('Hello?'))).failure?.kind).toBe('provider_error');
    await until(() => provider.connections() === 0, 1_000);
  });

  it.each([
    ['network', reset],
    ['incomplete', hangUp],
  ])('without a length fails as %s when it ends before its answer', async (kind, end) => {
    const head = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n';
    let told = false;
    // A reset that comes together with data looks to Node like an end in good order.
    const data = 'data: {"choices":[{"delta":{"content":"a"}}]}\n\n';
    provider.script = [({ socket }) => void socket.write(head + data), waitFor(() => told), end];
    const outcome = await outcomeOf(model, askedFor('Hello?'), {
      async each() {
        told = true;
      },
    });
    expect(outcome).toMatchObject({ content: 'a', finished: undefined, failure: { kind } });
  });

  it('of its own is there for each of many calls, which do not mix', async () => {
    provider.script = ({ body }) => {
      const asked = JSON.parse(body.toString()).messages[0].content;
      return answer(
        words(30).map((word) => `${asked}: ${word}`),
        { everyMs: 1 },
      );
    };
    const outcomes = await Promise.all(words(60).map((asked) => outcomeOf(model, askedFor(asked))));
    expect(outcomes.map(({ content }) => content)).toEqual(
      words(60).map((asked) =>
        words(30)
          .map((word) => `${asked}: ${word}`)
          .join(''),
      ),
    );
  });
});

it('leaves no rejection unhandled', async () => {
  for (const script of [[reset], [sendHead, reset], [delta('a'), reset], [delta('a'), stall]]) {
    provider.script = script;
    const leaving = new AbortController();
    const outcome = outcomeOf(model, askedFor('Hello?'), { signal: leaving.signal, each: async () => leaving.abort() });
    expect((await outcome).finished).toBeUndefined();
    await until(() => provider.connections() === 0);
  }
  // Jest itself fails a test that leaves one; it learns of them when the event loop has turned.
  await sleep(1);
});
