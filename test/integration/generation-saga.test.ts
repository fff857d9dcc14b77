import { afterEach, describe, expect, it } from '@jest/globals';
import { ChangeConversation } from '../../src/commands/change-conversation.js';
import { limits } from '../../src/limits.js';
import { ModelFailure } from '../../src/ports/language-model.js';
import { gate } from '../support/gate.js';
import { aborted, content, finished, type Play, reasoning, ScriptedModel, saying } from '../support/scripted-model.js';
import { ada, startTurns, type Turns } from '../support/turns.js';
import { until } from '../support/until.js';

let turns: Turns;
afterEach(() => turns.stop());

const failing = (kind: 'rate_limited' | 'provider_error', details: object): Play =>
  async function* () {
    yield* [];
    throw new ModelFailure(kind, 'no', { retryable: true, ...details });
  };

async function turn(plays: readonly Play[], environment = {}) {
  const model = new ScriptedModel(plays);
  turns = await startTurns(model, environment);
  const conversation = await turns.start();
  const generation = await turns.send(conversation, 'Hi');
  return { model, conversation, generation, ended: () => turns.ended(conversation, generation) };
}

describe('a turn', () => {
  it('is recorded from the message to the end of the answer', async () => {
    const { model, conversation, generation, ended } = await turn([saying('Hel', 'lo', ' world')]);
    expect(await ended()).toMatchObject({
      status: 'final',
      text: 'Hello world',
      finishReason: 'stop',
      modelServed: 'scripted-1',
      attempt: 1,
      usage: null,
    });
    expect(await turns.types(`conversation-${conversation}`)).toEqual([
      'ConversationStarted',
      'MessageSent',
      'GenerationRequested',
      'PromptAssembled',
      'GenerationFinalized',
    ]);
    const tape = await turns.types(`generation-${generation}`);
    expect([tape.at(0), tape.at(-1)]).toEqual(['GenerationClaimed', 'AttemptEnded']);
    expect(await turns.text(generation)).toBe('Hello world');
    expect(JSON.parse(model.calls[0]?.body ?? '')).toMatchObject({ messages: [{ role: 'user', content: 'Hi' }] });
  });

  it('keeps reasoning apart from content, and joins split text', async () => {
    const [high, low] = ['\ud83d', '\ude00'];
    const { generation, ended } = await turn([
      async function* () {
        yield reasoning('Hm');
        yield content(`a${high}`);
        yield content(`${low}b`);
        yield finished({ prompt_tokens: 1 });
      },
    ]);
    expect(await ended()).toMatchObject({ status: 'final', text: 'a\u{1f600}b', usage: { input: 1 } });
    const deltas = (await turns.tape(generation)).filter(({ type }) => type === 'DeltaReceived');
    expect(deltas.map(({ data }) => data)).toMatchObject([{ seq: 0, channel: 'reasoning', text: 'Hm' }, { seq: 1 }]);
  });

  it('commits the first text at once and joins the rest until the window is over or full', async () => {
    const { opened, open } = gate();
    const { generation, ended } = await turn(
      [
        async function* () {
          yield content('first');
          await opened;
          for (let nth = 0; nth < 50; nth++) yield content('x');
          yield finished();
        },
      ],
      { VERBATIM_DELTA_FLUSH_MS: '5000', VERBATIM_DELTA_FLUSH_BYTES: '20' },
    );
    await until(async () => (await turns.text(generation)) === 'first');
    open();
    await ended();
    const texts = (await turns.tape(generation)).flatMap((event) =>
      event.type === 'DeltaReceived' ? [event.data.text] : [],
    );
    expect(texts.join('')).toBe(`first${'x'.repeat(50)}`);
    expect(texts.length).toBeLessThanOrEqual(5);
  });
});

/** What is to happen before the first prompt is appended. */
function beforeTheFirstPrompt(act: () => Promise<unknown>) {
  const { log } = turns.engines;
  const append = log.append.bind(log);
  let isFirst = true;
  log.append = async (stream, expected, events) => {
    if (isFirst && events.some(({ type }) => type === 'PromptAssembled')) {
      isFirst = false;
      await act();
    }
    return append(stream, expected, events);
  };
}

describe('a call', () => {
  it('is prepared while its prompt is appended, and made after the commit', async () => {
    const model = new ScriptedModel([saying('Hello')]);
    turns = await startTurns(model);
    const conversation = await turns.start();
    const flushed = gate();
    beforeTheFirstPrompt(() => flushed.opened);
    const sending = turns.send(conversation, 'Hi');
    await until(() => model.prepared.length === 1);
    expect(model.calls).toEqual([]);
    flushed.open();
    expect(await turns.ended(conversation, await sending)).toMatchObject({ status: 'final', text: 'Hello' });
    expect([model.calls, model.discarded]).toEqual([model.prepared, []]);
  });

  it('has the committed prompt, whichever call was prepared before', async () => {
    const model = new ScriptedModel([saying('Hello')]);
    turns = await startTurns(model);
    const other = await startTurns(new ScriptedModel([]), { VERBATIM_ROLES: 'api' }, turns.engines);
    try {
      const conversation = await turns.start();
      beforeTheFirstPrompt(() => other.bus.execute(new ChangeConversation(ada, conversation, { system: 'Be brief.' })));
      const generation = await turns.send(conversation, 'Hi');
      expect(await turns.ended(conversation, generation)).toMatchObject({ status: 'final' });
      const prompt = (await turns.ledger(conversation)).find(({ type }) => type === 'PromptAssembled');
      expect(prompt?.data).toMatchObject({ sha256: model.calls[0]?.bodySha256 });
      expect(model.calls[0]?.body).toContain('Be brief.');
      expect(model.calls).toHaveLength(1);
      expect(model.discarded[0]?.body).not.toContain('Be brief.');
    } finally {
      await other.stop();
    }
  });
});

describe('a claim', () => {
  it('names the provider and the model of its prompt', async () => {
    const { generation, ended } = await turn([saying('Hello')]);
    await ended();
    expect(await claims(generation)).toMatchObject([{ attempt: 1, provider: 'demo', model: 'demo' }]);
  });

  it('of a model that is not the one of the committed prompt is withdrawn', async () => {
    const model = new ScriptedModel([saying('Hello')]);
    turns = await startTurns(model);
    const other = await startTurns(new ScriptedModel([]), { VERBATIM_ROLES: 'api' }, turns.engines);
    try {
      const conversation = await turns.start();
      beforeTheFirstPrompt(() => other.bus.execute(new ChangeConversation(ada, conversation, { model: 'another' })));
      const generation = await turns.send(conversation, 'Hi');
      expect(await turns.ended(conversation, generation)).toMatchObject({ status: 'final', text: 'Hello' });
      expect(model.calls).toHaveLength(1);
      expect(await claims(generation)).toMatchObject([
        { attempt: 1, model: 'demo' },
        { attempt: 2, model: 'another' },
      ]);
    } finally {
      await other.stop();
    }
  });

  const claims = async (generation: string) =>
    (await turns.tape(generation)).flatMap((event) => (event.type === 'GenerationClaimed' ? [event.data] : []));
});

describe('a generation whose call fails', () => {
  it('is retried while no text has come, at most three times, and each attempt is recorded', async () => {
    const { model, generation, ended } = await turn([
      failing('rate_limited', { retryAfterMs: 1, providerStatus: 429 }),
    ]);
    expect(await ended()).toMatchObject({
      status: 'error',
      attempt: 3,
      error: { kind: 'rate_limited', message: 'no', providerStatus: 429 },
    });
    expect(model.calls).toHaveLength(3);
    expect((await turns.types(`generation-${generation}`)).join(' ')).toBe(
      Array(3).fill('GenerationClaimed AttemptEnded').join(' '),
    );
  });

  it('is complete when a later attempt succeeds', async () => {
    const { ended } = await turn([failing('provider_error', { retryAfterMs: 1 }), saying('well')]);
    expect(await ended()).toMatchObject({ status: 'final', text: 'well', attempt: 2 });
  });

  it('ends when Retry-After exceeds its deadline', async () => {
    const { model, ended } = await turn([failing('rate_limited', { retryAfterMs: limits.retryAfterMsMax + 1 })]);
    expect(await ended()).toMatchObject({ status: 'error', error: { kind: 'rate_limited' } });
    expect(model.calls).toHaveLength(1);
  });

  it('is not retried once text has come, and keeps that text', async () => {
    const { model, ended } = await turn([
      async function* () {
        yield content('half');
        throw new ModelFailure('network', 'reset', { retryable: true });
      },
    ]);
    expect(await ended()).toMatchObject({ status: 'error', text: 'half', error: { kind: 'network' } });
    expect(model.calls).toHaveLength(1);
  });

  it.each([
    ['no text at all', [], 'VERBATIM_FIRST_TOKEN_TIMEOUT_MS', ''],
    ['no more text', ['some'], 'VERBATIM_IDLE_TIMEOUT_MS', 'some'],
    ['no end', ['some'], 'VERBATIM_GENERATION_TIMEOUT_MS', 'some'],
  ])('ends in time when there is %s', async (_, texts, setting, kept) => {
    const { ended } = await turn(
      [
        async function* (_call, signal) {
          for (const text of texts) yield content(text);
          await aborted(signal);
        },
      ],
      { [setting]: setting.includes('GENERATION') ? '1000' : '500' },
    );
    expect(await ended()).toMatchObject({ status: 'error', text: kept, error: { kind: 'timeout' } });
  });

  it('is cut off where its text exceeds the size limit', async () => {
    const { ended } = await turn([
      async function* (_call, signal) {
        while (!signal.aborted) yield content('é'.repeat(50_000));
      },
    ]);
    const { status, text, error } = await ended();
    expect({ status, error }).toMatchObject({ status: 'error', error: { kind: 'too_long' } });
    expect(Buffer.byteLength(text)).toBe(limits.answerBytesMax);
  });

  it('fits an append however its text is escaped', async () => {
    const { ended } = await turn([
      async function* (_call, signal) {
        while (!signal.aborted) yield content('\u0001'.repeat(10_000));
      },
    ]);
    expect(await ended()).toMatchObject({ status: 'error', error: { kind: 'too_long' } });
  });

  it('ends when the adapter throws an unexpected error, and logs a warning', async () => {
    const { ended } = await turn([
      async function* () {
        yield content('so far');
        throw new TypeError('a secret of the prompt');
      },
    ]);
    expect(await ended()).toMatchObject({ status: 'error', text: 'so far', error: { kind: 'provider_error' } });
    const warnings = turns.log.map((line) => JSON.parse(line)).filter(({ level }) => level === 'warn');
    expect(warnings).toMatchObject([
      { msg: 'a call to a model failed with an unexpected error', traceId: ada.traceId },
    ]);
    expect(turns.log.join('')).not.toContain('secret');
  });
});

describe('a cancel', () => {
  it('ends the call, keeps the text so far, and drops and counts later deltas', async () => {
    const { model, conversation, generation, ended } = await turn([
      async function* (_call, signal) {
        yield content('so far');
        await aborted(signal);
        yield content('late');
        yield content('later');
      },
    ]);
    await until(async () => (await turns.text(generation)) === 'so far');
    await turns.cancel(conversation, generation);
    expect(await ended()).toMatchObject({ status: 'cancelled', text: 'so far', usage: null });
    expect((await turns.tape(generation)).at(-1)?.data).toMatchObject({ outcome: 'cancelled', droppedDeltas: 2 });
    expect(model.running).toBe(0);
    expect(await turns.cancel(conversation, generation)).toMatchObject({ status: 'cancelled' });
  });

  it('during the pause before another attempt ends it without a call', async () => {
    const { model, conversation, generation, ended } = await turn([failing('rate_limited', { retryAfterMs: 20_000 })]);
    await until(async () => (await turns.types(`generation-${generation}`)).includes('AttemptEnded'));
    await turns.cancel(conversation, generation);
    expect(await ended()).toMatchObject({ status: 'cancelled', text: '' });
    expect(model.calls).toHaveLength(1);
  });
});

describe('turns in a row', () => {
  it('wait for their turn and are answered in order, each with the answers before it', async () => {
    const { opened, open } = gate();
    const { model, conversation, ended } = await turn([
      async function* () {
        await opened;
        yield content('one');
        yield finished();
      },
      saying('two'),
      saying('three'),
    ]);
    const second = await turns.send(conversation, 'And?', { whenBusy: 'enqueue' });
    const third = await turns.send(conversation, 'And then?', { whenBusy: 'enqueue' });
    open();
    expect((await ended()).text).toBe('one');
    expect((await turns.ended(conversation, second)).text).toBe('two');
    expect((await turns.ended(conversation, third)).text).toBe('three');
    const last = JSON.parse(model.calls[2]?.body ?? '');
    expect(last.messages.map(({ content: text }: { content: string }) => text)).toEqual([
      'Hi',
      'one',
      'And?',
      'two',
      'And then?',
    ]);
  });

  it('that interrupt cancel the open one, whose text is kept', async () => {
    const { conversation, generation, ended } = await turn([
      async function* (_call, signal) {
        yield content('half');
        await aborted(signal);
      },
      saying('instead'),
    ]);
    await until(async () => (await turns.text(generation)) === 'half');
    const instead = await turns.send(conversation, 'No, wait', { whenBusy: 'interrupt' });
    expect(await ended()).toMatchObject({ status: 'cancelled', text: 'half' });
    expect(await turns.ended(conversation, instead)).toMatchObject({ status: 'final', text: 'instead' });
  });

  it('of many conversations run no more at a time than allowed, and all of them run', async () => {
    const model = new ScriptedModel([saying('yes')]);
    turns = await startTurns(model, { VERBATIM_MAX_GENERATIONS: '3' });
    const asked = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const conversation = await turns.start();
        return { conversation, generation: await turns.send(conversation, 'Hi') };
      }),
    );
    for (const { conversation, generation } of asked) {
      expect(await turns.ended(conversation, generation)).toMatchObject({ status: 'final', attempt: 1 });
    }
    expect(model.mostRunning).toBeLessThanOrEqual(3);
    expect(model.calls).toHaveLength(20);
  });

  it.each([1, 2])('of one user do not keep another waiting, %s at a time', async (generationsMax) => {
    const { opened, open } = gate();
    const held: Play = async function* () {
      await opened;
      yield finished();
    };
    const model = new ScriptedModel([...Array(generationsMax).fill(held), saying('yes')]);
    turns = await startTurns(model, { VERBATIM_MAX_GENERATIONS: `${generationsMax}` });
    const ask = async (caller: typeof ada) => {
      const conversation = await turns.start(caller);
      return { conversation, generation: await turns.send(conversation, `I am ${caller.user}`, {}, caller) };
    };
    const asked = [];
    for (let nth = 0; nth < 20; nth++) asked.push(await ask(ada));
    await until(() => model.running === generationsMax);
    asked.push(await ask({ ...ada, user: 'bob' }));
    open();
    for (const { conversation, generation } of asked) await turns.ended(conversation, generation);
    // At most one more of hers for each that can run: she was there first.
    const bobs = model.calls.findIndex(({ body }) => body.includes('I am bob'));
    expect(bobs).toBeLessThanOrEqual(2 * generationsMax);
    expect(model.calls).toHaveLength(21);
  });
});

describe('operators', () => {
  it('get a warning about a trimmed prompt, with ids and counts', async () => {
    const model = new ScriptedModel([saying('word '.repeat(200))]);
    turns = await startTurns(model);
    const conversation = await turns.start();
    await turns.ended(conversation, await turns.send(conversation, 'a secret '.repeat(100)));
    await turns.bus.execute(new ChangeConversation(ada, conversation, { tokenBudget: 200 }));
    await turns.ended(conversation, await turns.send(conversation, 'And?'));
    const warnings = turns.log.filter((line) => line.includes('was trimmed to its token budget'));
    expect(warnings).toHaveLength(1);
    expect(JSON.parse(warnings[0] ?? '')).toMatchObject({
      level: 'warn',
      traceId: ada.traceId,
      conversation,
      trimmed: [{ count: 2 }],
    });
    expect(turns.log.join('')).not.toContain('secret');
  });

  it('find a recorded error when the bytes of a request differ from the recorded prompt', async () => {
    const { ended } = await turn([
      async function* () {
        yield* [];
        throw new ModelFailure('prompt_mismatch', 'nothing was sent', { retryable: false });
      },
    ]);
    expect(await ended()).toMatchObject({ status: 'error', text: '', error: { kind: 'prompt_mismatch' } });
  });
});
