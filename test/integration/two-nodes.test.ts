import { afterEach, describe, expect, it } from '@jest/globals';
import { SendMessage } from '../../src/commands/turns.js';
import { Refusal } from '../../src/domain/refusal.js';
import { gate } from '../support/gate.js';
import { memoryEngines } from '../support/memory-engines.js';
import { content, finished, ScriptedModel, saying } from '../support/scripted-model.js';
import { ada, startTurns, type Turns } from '../support/turns.js';
import { until } from '../support/until.js';

const started: Turns[] = [];
afterEach(async () => {
  await Promise.all(started.splice(0).map((turns) => turns.stop()));
});

async function twoNodes(model: ScriptedModel, environment = {}): Promise<[Turns, Turns]> {
  const engines = memoryEngines();
  const settings = { VERBATIM_LEASE_MS: '600000', ...environment };
  for (let nth = 0; nth < 2; nth++) started.push(await startTurns(model, settings, engines));
  return started as [Turns, Turns];
}

/** Both have seen the conversation, so both decide on what they remember. */
async function sharedConversation([one, other]: [Turns, Turns]): Promise<string> {
  const conversation = await one.start();
  const aside = (turns: Turns) =>
    turns.bus.execute(new SendMessage(ada, conversation, { content: 'aside', origin: 'person', kind: 'note' }, null));
  await aside(one);
  await aside(other);
  await aside(one);
  return conversation;
}

describe('two processes that are asked at the same moment', () => {
  it('for two things with one key do one of them, and refuse the other', async () => {
    const nodes = await twoNodes(new ScriptedModel([saying('yes')]));
    for (let round = 0; round < 10; round++) {
      const conversation = await sharedConversation(nodes);
      const caller = (fingerprint: string) => ({ ...ada, idempotency: { key: `key ${round}`, fingerprint } });
      const asked = nodes.map((turns, nth) => {
        const message = { content: `body ${nth}`, origin: 'person', kind: 'note' } as const;
        return turns.bus.execute(new SendMessage(caller(`${nth}`), conversation, message, null));
      });
      const outcomes = await Promise.allSettled(asked);
      const refused = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason] : []));
      expect(refused).toEqual([expect.any(Refusal)]);
      expect(refused[0]).toMatchObject({ code: 'idempotency_key_reused' });
    }
  });

  it('for one thing twice do it once, with one call', async () => {
    const model = new ScriptedModel([saying('yes')]);
    const nodes = await twoNodes(model);
    for (let round = 1; round <= 10; round++) {
      const conversation = await sharedConversation(nodes);
      const caller = { ...ada, idempotency: { key: `key ${round}`, fingerprint: 'same' } };
      const message = { content: 'Hi', origin: 'person' } as const;
      const ask = (turns: Turns) => turns.bus.execute(new SendMessage(caller, conversation, message, { options: {} }));
      const [one, other] = await Promise.all(nodes.map(ask));
      expect(one).toEqual(other);
      const { generationId } = one as { generationId: string };
      expect(await nodes[0].ended(conversation, generationId)).toMatchObject({ status: 'final' });
      expect(model.calls).toHaveLength(round);
    }
  });

  it('answer each turn of a conversation without waiting for a process that does not work on it', async () => {
    const model = new ScriptedModel([saying('yes')]);
    const nodes = await twoNodes(model);
    const conversation = await sharedConversation(nodes);
    const asked: string[] = [];
    for (let round = 0; round < 10; round++) {
      const pair = nodes.map((turns) => turns.send(conversation, `${round}`, { whenBusy: 'enqueue' }));
      asked.push(...(await Promise.all(pair)));
    }
    for (const generation of asked) {
      expect(await nodes[0].ended(conversation, generation)).toMatchObject({ status: 'final', text: 'yes' });
    }
    expect(model.calls).toHaveLength(asked.length);
    // No work is left, and no run failed.
    await until(async () => (await nodes[0].engines.work.take('prober', 100)).length === 0);
    expect(
      nodes.flatMap(({ log }) => log).filter((line) => line.includes('a generation failed in this process')),
    ).toEqual([]);
  });
});

describe('a process that stops', () => {
  it('finishes also what was just leaving the table, or leaves it there', async () => {
    const { opened, open } = gate();
    const model = new ScriptedModel([
      async function* () {
        await opened;
        yield content('first');
        yield finished();
      },
      saying('second'),
    ]);
    const [one] = await twoNodes(model, { VERBATIM_ROLES: 'api' });
    const conversations = [await one.start(), await one.start()];
    const asked = await Promise.all(conversations.map((conversation) => one.send(conversation, 'Hi')));
    const { work } = one.engines;
    const take = work.take.bind(work);
    const [taken, goOn] = [gate(), gate()];
    work.take = async (...args) => {
      const jobs = await take(...args);
      if (jobs.length > 0) {
        taken.open();
        await goOn.opened;
      }
      return jobs;
    };
    const answering = await startTurns(model, { VERBATIM_LEASE_MS: '600000' }, one.engines);
    await taken.opened;
    const stopping = answering.stop();
    goOn.open();
    open();
    await stopping;
    expect(model.running).toBe(0);
    work.take = take;
    started.push(await startTurns(model, { VERBATIM_LEASE_MS: '600000' }, one.engines));
    for (const [nth, generation] of asked.entries()) {
      const conversation = conversations[nth] as string;
      expect(await one.ended(conversation, generation)).toMatchObject({ status: 'final', attempt: 1 });
    }
  });
});
