import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { OpenAiLanguageModel } from '../../src/adapters/openai/openai-language-model.js';
import { systemClock } from '../../src/adapters/system/system-clock.js';
import {
  answer,
  delta,
  type Exchange,
  type FakeProvider,
  finish,
  type ReceivedRequest,
  type Script,
  type Step,
  send,
  startFakeProvider,
} from '../support/fake-provider.js';
import { startTurns, type Turns } from '../support/turns.js';
import { until } from '../support/until.js';

let provider: FakeProvider;
let turns: Turns;
beforeEach(async () => {
  provider = await startFakeProvider();
  turns = await startTurns(new OpenAiLanguageModel({ baseUrl: provider.baseUrl }, systemClock));
});
afterEach(async () => {
  await turns.stop();
  await provider.stop();
});

const emptyDelta = (fields = {}) =>
  `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: '' } }], ...fields })}\n\n`;
const TINY = emptyDelta().repeat(1_000);
const LARGE = emptyDelta({ padding: 'x'.repeat(64 * 1024) }).repeat(16);

/** As fast as the socket takes it. */
const flood =
  (text: string, isEnough: (exchange: Exchange) => boolean = ({ gone }) => gone.aborted): Step =>
  async (exchange) => {
    const bytes = Buffer.from(text);
    while (!exchange.gone.aborted && !isEnough(exchange)) await send(bytes)(exchange);
  };

const lastMessage = ({ body }: ReceivedRequest): string => JSON.parse(`${body}`).messages.at(-1).content;
const playing = (scripts: Record<string, Script>) => (request: ReceivedRequest) => scripts[lastMessage(request)] ?? [];

describe('a provider that floods', () => {
  it('with what is no text is cut off with what came, and others are answered meanwhile', async () => {
    let othersAreAnswered = false;
    provider.script = playing({
      flood: [delta('so far'), flood(TINY, () => othersAreAnswered), flood(LARGE)],
      other: answer(['in ', 'time']),
    });
    const [one, other] = [await turns.start(), await turns.start()];
    const flooded = await turns.send(one, 'flood');
    await until(async () => (await turns.text(flooded)) === 'so far');
    const beside = await turns.send(other, 'other');
    expect(await turns.ended(other, beside)).toMatchObject({ status: 'final', text: 'in time' });
    expect(await turns.types(`generation-${flooded}`)).not.toContain('AttemptEnded');
    othersAreAnswered = true;
    expect(await turns.ended(one, flooded)).toMatchObject({
      status: 'error',
      text: 'so far',
      attempt: 1,
      error: { kind: 'too_long' },
    });
    await until(() => provider.connections() === 0);
  });

  it('behind the end that it has named takes nothing away from the answer', async () => {
    provider.script = playing({ flood: [delta('whole'), finish(), flood(LARGE)] });
    const conversation = await turns.start();
    const generation = await turns.send(conversation, 'flood');
    const ended = await turns.ended(conversation, generation);
    expect(ended).toMatchObject({ status: 'final', text: 'whole', finishReason: 'stop' });
    await until(() => provider.connections() === 0);
  });
});
