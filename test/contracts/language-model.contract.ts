import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Value } from '@sinclair/typebox/value';
import { RecordedUsage } from '../../src/events/conversation-events.js';
import type { LanguageModel, ModelCall, ModelOutput } from '../../src/ports/language-model.js';
import { askedFor, atOnce, callOf, outcomeOf } from '../support/model-outputs.js';
import { until } from '../support/until.js';

/** A model, and what the place that answers for it has seen. */
export interface ModelGround {
  readonly model: LanguageModel;
  /** How many calls have reached that place. */
  received(): number;
  /** How many of them it is still working on. */
  open(): number;
  /** From now on an answer stops after its first text and waits until its call is ended. */
  hold(): void;
  destroy(): Promise<void>;
}

const CHANNELS = ['content', 'reasoning', 'tool', 'refusal', 'other'];

/** Each answer has the question in it, so that answers that were mixed up are noticed. */
export function languageModelContract(name: string, createGround: () => Promise<ModelGround>): void {
  describe(`the model ${name}`, () => {
    let ground: ModelGround;
    beforeEach(async () => {
      ground = await createGround();
    });
    afterEach(() => ground.destroy());

    const ask = (question: string) => outcomeOf(ground.model, askedFor(question));

    it('yields text, and at last how the answer ended', async () => {
      const { outputs, failure, content } = await ask('Who signed?');
      expect(failure).toBeUndefined();
      expect(content).toContain('Who signed?');
      expect(outputs.map(({ type }) => type).lastIndexOf('text')).toBe(outputs.length - 2);
      expect(outputs.filter(({ type }) => type === 'finished')).toHaveLength(1);
      for (const output of outputs) expectWellFormed(output);
    });

    it('yields no empty batches', async () => {
      let batches = 0;
      for await (const outputs of ground.model
        .prepare(askedFor('Hello?'))
        .stream(new AbortController().signal, atOnce)) {
        expect(outputs.length).toBeGreaterThan(0);
        batches += 1;
      }
      expect(batches).toBeGreaterThan(0);
    });

    it('has ids of its answer that are texts, or none', async () => {
      const call = ground.model.prepare(askedFor('Hello?'));
      for await (const _ of call.stream(new AbortController().signal, atOnce));
      for (const value of Object.values(call.response)) expect(value).toMatch(/\S/);
      expect(['id', 'requestId']).toEqual(expect.arrayContaining(Object.keys(call.response)));
    });

    it('loses nothing when its output is taken slowly', async () => {
      const turnOfTheLoop = () => new Promise<void>((resolve) => setImmediate(resolve));
      const slowly = await outcomeOf(ground.model, askedFor('Who signed?'), { each: turnOfTheLoop });
      expect(slowly.content).toBe((await ask('Who signed?')).content);
      expect(slowly.finished).toBeDefined();
    });

    it('yields a whole answer also if no flush moment comes', async () => {
      const call = ground.model.prepare(askedFor('Who signed?'));
      const outputs: ModelOutput[] = [];
      const stream = call.stream(new AbortController().signal, { readAtNext: () => {} });
      for await (const together of stream) outputs.push(...together);
      const texts = outputs.map((output) => (output.type === 'text' ? output.text : ''));
      expect(texts.join('')).toContain((await ask('Who signed?')).content);
      expect(outputs.at(-1)?.type).toBe('finished');
    });

    it('sends nothing before a prepared call is made, and makes it later', async () => {
      const [first, second] = ['first', 'second'].map((question) => ground.model.prepare(askedFor(question)));
      expect(ground.received()).toBe(0);
      expect(await contentOf(second)).toContain('second');
      expect(ground.received()).toBe(1);
      expect(await contentOf(first)).toContain('first');
      expect(ground.received()).toBe(2);
    });

    it('sends nothing of a call that is discarded', async () => {
      ground.model.prepare(askedFor('discarded')).discard();
      await ask('made');
      expect(ground.received()).toBe(1);
    });

    it('ignores that a call is discarded after it was made', async () => {
      const call = ground.model.prepare(askedFor('Hello?'));
      const content = await contentOf(call);
      call.discard();
      expect(content).toContain('Hello?');
      expect((await ask('And now?')).failure).toBeUndefined();
    });

    it('does not mix calls that run at the same time', async () => {
      const questions = Array.from({ length: 10 }, (_, nth) => `question-${nth}-`);
      const outcomes = await Promise.all(questions.map(ask));
      for (const [nth, { content, finished }] of outcomes.entries()) {
        expect(questions.filter((question) => content.includes(question))).toEqual([questions[nth]]);
        expect(finished).toBeDefined();
      }
    });

    it('sends no body but the recorded one', async () => {
      const { body } = askedFor('Another?');
      const outcome = await outcomeOf(ground.model, { ...askedFor('Hello?'), body });
      expect(outcome.outputs).toEqual([]);
      expect(outcome.failure).toMatchObject({ kind: 'prompt_mismatch', details: { retryable: false } });
      expect(ground.received()).toBe(0);
    });

    it('sends a body that only differs from what a serializer would write', async () => {
      const odd = '{ "messages":[{"content":"\\u00e9 \\/ 👩‍🚀 q","role":"user"}],\n "model":"m", "seed":1.0 }';
      expect((await outcomeOf(ground.model, callOf(odd))).failure).toBeUndefined();
    });

    it('sends nothing when it was aborted before, and that is no error', async () => {
      expect(await outcomeOf(ground.model, askedFor('Hello?'), { signal: AbortSignal.abort() })).toMatchObject({
        outputs: [],
        failure: undefined,
      });
      expect(ground.received()).toBe(0);
    });

    it('yields nothing more after an abort, and throws nothing', async () => {
      ground.hold();
      const leaving = new AbortController();
      const yielded: (readonly ModelOutput[])[] = [];
      for await (const outputs of ground.model.prepare(askedFor('Hello?')).stream(leaving.signal, atOnce)) {
        yielded.push(outputs);
        leaving.abort();
      }
      expect(yielded).toHaveLength(1);
      expect(yielded.flat().map(({ type }) => type)).not.toContain('finished');
      await until(() => ground.open() === 0);
    });

    it('ends an answer when its reader leaves', async () => {
      ground.hold();
      for await (const outputs of ground.model
        .prepare(askedFor('Hello?'))
        .stream(new AbortController().signal, atOnce)) {
        if (outputs.length > 0) break;
      }
      await until(() => ground.open() === 0);
    });
  });
}

async function contentOf(call: ReturnType<LanguageModel['prepare']> | undefined): Promise<string> {
  const prepared = { prepare: (_: ModelCall) => call as ReturnType<LanguageModel['prepare']> };
  return (await outcomeOf(prepared, askedFor(''))).content;
}

function expectWellFormed(output: ModelOutput): void {
  if (output.type === 'text') {
    expect(CHANNELS).toContain(output.channel);
    expect(output.text !== '' || output.tool !== undefined).toBe(true);
    return;
  }
  expect(output.finishReason).toMatch(/\S/);
  expect(output.providerFinishReason).not.toBe(output.finishReason);
  expect(output.modelServed === null || output.modelServed !== '').toBe(true);
  expect(output.usage === null || Value.Check(RecordedUsage, output.usage)).toBe(true);
  expect(Object.keys(RecordedUsage.properties)).toEqual(expect.arrayContaining(Object.keys(output.usage ?? {})));
  expect(output.usageRaw === null || typeof output.usageRaw === 'object').toBe(true);
}
