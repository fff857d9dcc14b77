import { randomUUID } from 'node:crypto';
import { afterEach, describe, expect, it } from '@jest/globals';
import type { GenerationEvent } from '../../src/events/conversation-events.js';
import { START } from '../../src/events/envelope.js';
import type { EventLog } from '../../src/ports/event-log.js';
import type { Work } from '../../src/ports/work.js';
import { gate } from '../support/gate.js';
import { memoryEngines } from '../support/memory-engines.js';
import { newEvent } from '../support/new-events.js';
import { aborted, content, finished, ScriptedModel, saying } from '../support/scripted-model.js';
import { ada, startTurns, type Turns } from '../support/turns.js';
import { until } from '../support/until.js';

const started: Turns[] = [];
/** What a failed test would leave waiting, and a stop with it. */
const onTestEnd: (() => void)[] = [];
afterEach(async () => {
  for (const end of onTestEnd.splice(0)) end();
  await Promise.all(started.splice(0).map((turns) => turns.stop()));
});

async function start(model: ScriptedModel, environment = {}, engines = memoryEngines()): Promise<Turns> {
  const turns = await startTurns(model, { VERBATIM_LEASE_MS: '1000', ...environment }, engines);
  started.push(turns);
  return turns;
}

const DEAD = 'a worker that died';
const claimed = (attempt = 1): GenerationEvent => ({
  type: 'GenerationClaimed',
  data: { attempt, worker: DEAD, provider: 'demo', model: 'demo' },
});
const delta = (text: string): GenerationEvent => ({
  type: 'DeltaReceived',
  data: { attempt: 1, seq: 0, block: 0, text, channel: 'content' },
});
const ended: GenerationEvent = {
  type: 'AttemptEnded',
  data: {
    attempt: 1,
    outcome: 'completed',
    finishReason: 'stop',
    modelServed: 'm',
    usage: null,
    usageRaw: null,
    response: {},
    droppedDeltas: 0,
  },
};

/** A prompt that stands, and a tape as a dead worker left it; then a process comes up that answers prompts. */
async function recovered(left: readonly GenerationEvent[], { livesMs = 0, environment = {} } = {}) {
  const model = new ScriptedModel([saying('new')]);
  const asking = await start(model, { VERBATIM_ROLES: 'api' });
  const conversation = await asking.start();
  const generation = await asking.send(conversation, 'Hi');
  const meta = { conversation, actor: { id: 'verbatim', kind: 'service' }, correlationId: 't', commandId: 'c' };
  await asking.engines.work.renew(DEAD, livesMs, []);
  const wrapping = () => ({ id: randomUUID(), tenant: ada.tenant, at: new Date().toISOString(), meta });
  const events = left.map((event) => newEvent(event, wrapping()));
  if (events.length > 0) await asking.engines.log.append(`generation-${generation}`, 'none', events);
  const turns = await start(model, environment, asking.engines);
  return { model, turns, generation, result: await turns.ended(conversation, generation) };
}

describe('a generation whose worker died', () => {
  it('before its claim is answered in the first attempt', async () => {
    const { result, model } = await recovered([]);
    expect(result).toMatchObject({ status: 'final', text: 'new', attempt: 1 });
    expect(model.calls).toHaveLength(1);
  });

  it('before any text came gets one more recorded attempt', async () => {
    const { result, turns, generation, model } = await recovered([claimed()]);
    expect(result).toMatchObject({ status: 'final', text: 'new', attempt: 2 });
    expect(model.calls).toHaveLength(1);
    const [, end] = await turns.tape(generation);
    expect(end?.data).toMatchObject({ attempt: 1, outcome: 'failed', error: { kind: 'interrupted' } });
  });

  it('twice before any text came ends', async () => {
    const again: GenerationEvent = {
      type: 'AttemptEnded',
      data: {
        ...ended.data,
        outcome: 'failed',
        error: { kind: 'interrupted', message: '' },
        retryAt: '2026-01-01T00:00:00.000Z',
      },
    } as GenerationEvent;
    const { result, model } = await recovered([claimed(), again, claimed(2)]);
    expect(result).toMatchObject({ status: 'error', error: { kind: 'interrupted' } });
    expect(model.calls).toHaveLength(0);
  });

  it('after text came is ended with that text, and no model is called', async () => {
    const { result, model } = await recovered([claimed(), delta('half an ans')]);
    expect(result).toMatchObject({ status: 'error', text: 'half an ans', usage: null, error: { kind: 'interrupted' } });
    expect(model.calls).toHaveLength(0);
  });

  it('between its last text and the end is ended as it was', async () => {
    const { result, model } = await recovered([claimed(), delta('whole'), ended]);
    expect(result).toMatchObject({ status: 'final', text: 'whole', finishReason: 'stop', modelServed: 'm' });
    expect(model.calls).toHaveLength(0);
  });

  it('ends without a call after its deadline', async () => {
    const environment = { VERBATIM_GENERATION_TIMEOUT_MS: '1000' };
    const model = new ScriptedModel([saying('new')]);
    const asking = await start(model, { VERBATIM_ROLES: 'api' });
    const conversation = await asking.start();
    const generation = await asking.send(conversation, 'Hi');
    const [, , , prompted] = await asking.ledger(conversation);
    await until(() => Date.now() > Date.parse(prompted?.at ?? '') + 1_000);
    const turns = await start(model, environment, asking.engines);
    expect(await turns.ended(conversation, generation)).toMatchObject({ error: { kind: 'interrupted' }, text: '' });
    expect(model.calls).toHaveLength(0);
  });

  it('is left alone for as long as that worker may be alive', async () => {
    const { result, turns, generation } = await recovered([claimed()], { livesMs: 1_000 });
    expect(result).toMatchObject({ status: 'final', attempt: 2 });
    const [claim, end] = await turns.tape(generation);
    // The claim is written a moment after the worker renewed.
    expect(Date.parse(end?.at ?? '') - Date.parse(claim?.at ?? '')).toBeGreaterThanOrEqual(900);
  });
});

describe('two processes on the same stores', () => {
  it('answer each prompt once, whichever of them got the request', async () => {
    const model = new ScriptedModel([saying('yes')]);
    const one = await start(model);
    const other = await start(model, {}, one.engines);
    const asked = await Promise.all(
      Array.from({ length: 30 }, async (_, nth) => {
        const turns = nth % 2 === 0 ? one : other;
        const conversation = await turns.start();
        return { conversation, generation: await turns.send(conversation, `${nth}`) };
      }),
    );
    for (const { conversation, generation } of asked) {
      expect(await one.ended(conversation, generation)).toMatchObject({ status: 'final', attempt: 1 });
    }
    expect(model.calls).toHaveLength(30);
  });

  it('stop an answer whose cancel the other one received', async () => {
    const model = new ScriptedModel([
      async function* (_call, signal) {
        yield content('so far');
        await aborted(signal);
      },
    ]);
    const one = await start(model);
    const other = await start(model, {}, one.engines);
    const conversation = await one.start();
    const generation = await one.send(conversation, 'Hi');
    await until(async () => (await one.text(generation)) === 'so far');
    await other.cancel(conversation, generation);
    expect(await one.ended(conversation, generation)).toMatchObject({ status: 'cancelled', text: 'so far' });
  });
});

describe('a process that stops', () => {
  it('finishes its generations, and leaves the others to the next process', async () => {
    const { opened, open } = gate();
    const model = new ScriptedModel([
      async function* () {
        yield content('to the ');
        await opened;
        yield content('end');
        yield finished();
      },
      saying('next'),
    ]);
    const turns = await start(model);
    const conversation = await turns.start();
    const generation = await turns.send(conversation, 'Hi');
    await until(async () => (await turns.text(generation)) === 'to the ');
    const queued = await turns.send(conversation, 'And?', { whenBusy: 'enqueue' });
    const stopping = turns.stop();
    open();
    await stopping;
    started.length = 0;
    expect(await turns.ended(conversation, generation)).toMatchObject({ status: 'final', text: 'to the end' });
    expect(model.calls).toHaveLength(1);
    const later = await start(model, {}, turns.engines);
    expect(await later.ended(conversation, queued)).toMatchObject({ status: 'final', text: 'next', attempt: 1 });
  });
});

describe('a prompt whose commit takes longer than a third of a lease', () => {
  it('can be taken by no worker before it is in the log', async () => {
    const engines = memoryEngines();
    const committing = gate();
    let renewals = 0;
    const log: EventLog = Object.assign(Object.create(engines.log), {
      append: async (...[stream, expected, events]: Parameters<EventLog['append']>) => {
        if (events.some(({ type }) => type === 'PromptAssembled')) await committing.opened;
        return engines.log.append(stream, expected, events);
      },
    });
    const work: Work = Object.assign(Object.create(engines.work), {
      renew: async (...args: Parameters<Work['renew']>) => {
        if (args[2].length > 0) renewals += 1;
        return engines.work.renew(...args);
      },
    });
    const turns = await start(
      new ScriptedModel([saying('yes')]),
      { VERBATIM_LEASE_MS: '1000' },
      { ...engines, log, work },
    );
    const conversation = await turns.start();
    const sending = turns.send(conversation, 'Hi');
    onTestEnd.push(committing.open);
    // The second renewal begins after whatever the first one did.
    await until(() => renewals >= 2);
    const claims: string[] = [];
    for await (const page of engines.log.readAll(START, { categories: ['generation'] })) {
      claims.push(...page.events.map(({ type }) => type));
    }
    expect(claims).toEqual(['GenerationClaimed']);
    expect(await engines.work.take('another worker', 10)).toEqual([]);
    committing.open();
    expect(await turns.ended(conversation, await sending)).toMatchObject({ status: 'final', attempt: 1 });
  });
});

describe('a job whose worker is not recorded in the work table', () => {
  it('is answered by that worker alone, until it dies', async () => {
    const OTHER = 'a worker that is alive';
    const engines = memoryEngines();
    const model = new ScriptedModel([saying('new')]);
    const asking = await start(model, { VERBATIM_ROLES: 'api' }, engines);
    const conversation = await asking.start();
    const generation = await asking.send(conversation, 'Hi');
    await engines.work.renew(OTHER, 60_000, []);
    const released = gate();
    onTestEnd.push(released.open);
    const work: Work = Object.assign(Object.create(engines.work), {
      release: async (...args: Parameters<Work['release']>) => {
        await engines.work.release(...args);
        released.open();
      },
    });
    const meta = { conversation, actor: { id: 'verbatim', kind: 'service' }, correlationId: 't', commandId: 'c' };
    const claim: GenerationEvent = {
      type: 'GenerationClaimed',
      data: { attempt: 1, worker: OTHER, provider: 'demo', model: 'demo' },
    };
    const wrapping = { id: randomUUID(), tenant: ada.tenant, at: new Date().toISOString(), meta };
    await engines.log.append(`generation-${generation}`, 'none', [newEvent(claim, wrapping)]);
    const turns = await start(model, { VERBATIM_ROLES: 'saga' }, { ...engines, work });
    await released.opened;
    expect(await engines.work.take('a third worker', 10)).toEqual([]);
    expect(model.calls).toHaveLength(0);
    await engines.work.renew(OTHER, 0, []);
    expect(await turns.ended(conversation, generation)).toMatchObject({ status: 'final', text: 'new', attempt: 2 });
  });
});

async function workersOf(turns: Turns, generation: string): Promise<string[]> {
  const tape = await turns.tape(generation);
  return tape.flatMap((event) => (event.type === 'GenerationClaimed' ? [event.data.worker] : []));
}

describe('a process that was frozen for longer than a lease', () => {
  it('leaves what it was answering, and answers again under another name', async () => {
    const engines = memoryEngines();
    let isFrozen = false;
    const work: Work = Object.assign(Object.create(engines.work), {
      renew: async (...args: Parameters<Work['renew']>) => {
        // As if its question had been on the way for that long.
        if (isFrozen) await engines.work.renew(args[0], 0, []);
        isFrozen = false;
        return engines.work.renew(...args);
      },
    });
    const model = new ScriptedModel([
      async function* (_call, signal) {
        yield content('half');
        await aborted(signal);
      },
      saying('new'),
    ]);
    const turns = await start(model, {}, { ...engines, work });
    const conversation = await turns.start();
    const first = await turns.send(conversation, 'Hi');
    await until(async () => (await turns.text(first)) === 'half');
    isFrozen = true;
    expect(await turns.ended(conversation, first)).toMatchObject({ status: 'error', text: 'half' });
    const second = await turns.send(conversation, 'Again');
    expect(await turns.ended(conversation, second)).toMatchObject({ status: 'final', text: 'new' });
    const [before, after] = [await workersOf(turns, first), await workersOf(turns, second)];
    expect(before).toHaveLength(1);
    expect(after).toHaveLength(1);
    expect(after).not.toEqual(before);
  });
});
