import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { limits } from '../../src/limits.js';
import {
  answer,
  chunk,
  delta,
  deltas,
  done,
  event,
  finish,
  hangUp,
  plainly,
  reasoning,
  reset,
  type Script,
  type Step,
  send,
  stall,
  waitFor,
} from '../support/fake-provider.js';
import { LiveProduct } from '../support/live-product.js';
import type { PlayedProvider } from '../support/played-provider.js';
import type { SseClient } from '../support/sse-client.js';

let live: LiveProduct;
let provider: PlayedProvider;
beforeAll(async () => {
  live = await LiveProduct.start({ VERBATIM_IDLE_TIMEOUT_MS: '500' });
  ({ provider } = live);
});
afterAll(() => live.stop());

const error = (message: string) => JSON.stringify({ error: { message, type: 'made_up' } });
const refusal = (status: number, message: string, headers = {}) => plainly(status, error(message), headers);

interface Ending {
  readonly status: string;
  readonly text: string;
  readonly attempt?: number;
  readonly error?: object | null;
  readonly finishReason?: string | null;
}

let asked = 0;
/** The text that a client has been shown of the answer that is under way. */
let shownSoFar = () => '';

/** Asks, waits for the end, and compares everything that tells of it with what is expected. */
async function endsAs(ending: Ending, ...scripts: Script[]): Promise<void> {
  const chat = await live.chat();
  const feed = await chat.watch('0:0');
  shownSoFar = () => contentIn(feed);
  const mark = `fault ${asked++};`;
  provider.play(mark, ...scripts);
  const turn = await chat.say(mark);
  const { text, ...facts } = { attempt: 1, finishReason: null, error: null, ...ending };
  const run = await chat.run(turn);
  expect(run).toMatchObject(facts);
  expect((await chat.node(turn.generationId)).text).toBe(text);
  expect(contentIn(feed)).toBe(text);
  expect(feed.events.at(-1)).toMatchObject({ event: 'generation-finalized', data: { status: facts.status } });
  expect(feed.events.at(-1)?.data.text).toBe(text);
  expect(provider.calls(mark)).toHaveLength(facts.attempt);
  await chat.say(`after ${mark}`);
  const kept = facts.status === 'error' || text === '' ? [] : [`assistant: ${text}`];
  expect(provider.messages(`after ${mark}`)).toEqual([`user: ${mark}`, ...kept, `user: after ${mark}`]);
}

const contentIn = ({ events }: SseClient): string =>
  events.map(({ event: name, data }) => (name === 'delta' && data.channel === 'content' ? data.text : '')).join('');

const failed = (
  kind: string,
  text: string,
  facts: { message?: string; providerStatus?: number; attempt?: number } = {},
) => {
  const { attempt = 1, ...words } = facts;
  return { status: 'error', text, attempt, error: { kind, ...words } };
};

describe('a provider that refuses', () => {
  it('with a Retry-After is called again after that time', async () => {
    const busy = refusal(429, 'slow down', { 'retry-after': '1' });
    await endsAs({ status: 'final', text: 'now', attempt: 2, finishReason: 'stop' }, busy, answer(['now']));
  });

  it('three times is not called again', async () => {
    const broken = refusal(500, 'broken', { 'retry-after-ms': '1' });
    const facts = { message: 'broken', providerStatus: 500, attempt: 3 };
    await endsAs(failed('provider_error', '', facts), broken);
  });

  it('a key or a request is called once', async () => {
    for (const status of [401, 400, 404]) {
      await endsAs(failed('provider_error', '', { message: 'no', providerStatus: status }), refusal(status, 'no'));
    }
  });

  it('for longer than the deadline of a generation is called once', async () => {
    const facts = { message: 'tomorrow', providerStatus: 429 };
    await endsAs(failed('rate_limited', '', facts), refusal(429, 'tomorrow', { 'retry-after': '31' }));
  });
});

describe('a stream', () => {
  it('with an error in it ends with that error and keeps the text before it', async () => {
    const script = [...deltas(['so ', 'far']), event({ error: { message: 'overloaded' } })];
    await endsAs(failed('provider_error', 'so far', { message: 'overloaded' }), script);
    await endsAs(failed('provider_error', '', { message: 'overloaded' }), [
      event({ error: { message: 'overloaded' } }),
    ]);
  });

  it('that is not a stream is an error, whatever its body says', async () => {
    const whole = JSON.stringify({ choices: [{ message: { content: 'in one piece' }, finish_reason: 'stop' }] });
    await endsAs(failed('provider_error', '', { providerStatus: 200 }), plainly(200, whole));
    await endsAs(failed('provider_error', 'a'), [delta('a'), event('{"choices":[{"delta":{"content":"b"'), stall]);
  });

  it('without a finish reason is not complete', async () => {
    await endsAs(failed('incomplete', 'not all'), [delta('not all'), done]);
    await endsAs(failed('incomplete', 'not all'), [delta('not all')]);
    await endsAs(failed('incomplete', ''), []);
  });

  it('that breaks keeps exactly the text that had come', async () => {
    const words = Array.from({ length: 500 }, (_, nth) => `${nth} 🙂 `);
    // What the system of a client has not handed over by then is lost in a reset.
    const hasCome = () => shownSoFar() === words.join('');
    await endsAs(failed('network', words.join('')), [...deltas(words), waitFor(hasCome), reset]);
    await endsAs(failed('network', 'cut off'), [delta('cut off'), send('data: {"choices":[{"del'), hangUp]);
  });

  it('that breaks after its end is complete', async () => {
    await endsAs({ status: 'final', text: 'whole', finishReason: 'length' }, [delta('whole'), finish('length'), reset]);
  });

  it('that falls silent is ended, with the text before', async () => {
    await endsAs(failed('timeout', 'and then'), [delta('and '), delta('then'), stall]);
  });

  it('that does not end is cut off at the size limit', async () => {
    const text = 'é🙂x'.repeat(1_000);
    const endless = Array.from({ length: 100 }, () => delta(text));
    const kept = Buffer.from(text.repeat(100)).subarray(0, limits.answerBytesMax);
    const whole = new TextDecoder().decode(kept, { stream: true });
    await endsAs(failed('too_long', whole), [...endless, stall]);
  });

  it('is read exactly, wherever its bytes are cut', async () => {
    const text = 'ñ 👩‍👩‍👧 \u2028 "q" \\ \r\n\t𝒳';
    const bytes = Buffer.from(`data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: text } }] })}\n\n`);
    const one: Step[] = [...bytes].map((byte) => send(Uint8Array.of(byte)));
    await endsAs({ status: 'final', text, finishReason: 'stop' }, [...one, finish(), done]);
    const [high, low] = ['\ud83d', '\ude00'];
    const halves = [delta(`a${high}`), chunk({ choices: [] }), send(': still here\n\n'), delta(`${low}b`)];
    await endsAs({ status: 'final', text: 'a😀b', finishReason: 'stop' }, [...halves, finish(), done]);
  });

  it('keeps reasoning apart from content', async () => {
    const script = [reasoning('Hm. '), delta('Yes'), reasoning('Or?'), delta('.'), finish(), done];
    await endsAs({ status: 'final', text: 'Yes.', finishReason: 'stop' }, script);
  });
});

it('has kept every promise', async () => {
  const kinds = ['provider_error', 'rate_limited', 'incomplete', 'network', 'timeout', 'too_long'];
  expect(await live.breaches(...kinds)).toEqual([]);
});
