import { beforeEach, describe, expect, it } from '@jest/globals';
import { systemIds } from '../../../src/adapters/system/system-ids.js';
import { Folds } from '../../../src/commands/folds.js';
import { TapeWriter } from '../../../src/commands/tape-writer.js';
import { conversation } from '../../../src/domain/conversation/conversation.js';
import { takeUp } from '../../../src/domain/generation.js';
import { FlushClock } from '../../../src/sagas/flush-clock.js';
import { GenerationRun, type RunParts } from '../../../src/sagas/generation-run.js';
import { Slots } from '../../../src/sagas/slots.js';
import { ChatLog } from '../../support/chat-log.js';
import { gate } from '../../support/gate.js';
import { ManualClock } from '../../support/manual-clock.js';
import { MemoryEventLog } from '../../support/memory/memory-event-log.js';
import { codec, wholeStream } from '../../support/new-events.js';
import { ScriptedModel, saying } from '../../support/scripted-model.js';

const BODY = '{"messages":[{"role":"user","content":"Hello?"}]}';
const JOB = { generation: 'g1', conversation: 'c1', tenant: 'default', owner: 'ada' };
const ORIGIN = { actor: { id: 'ada', kind: 'user' }, owner: 'ada', correlationId: 'trace' } as const;

describe('the run of a generation', () => {
  let log: MemoryEventLog;
  let chat: ChatLog;
  let clock: ManualClock;
  let model: ScriptedModel;
  let slots: Slots;
  let parts: RunParts;
  let finalized: string[];
  let released: string[];
  beforeEach(async () => {
    log = new MemoryEventLog();
    clock = new ManualClock();
    chat = await new ChatLog(log, 'c1').started();
    await chat.sent('m1', 'Hello?');
    await chat.requested('g1', 'm1');
    model = new ScriptedModel([saying('Yes.')]);
    slots = new Slots(1);
    finalized = [];
    released = [];
    parts = {
      ...{ log, codec, clock, ids: systemIds, slots, generationTimeoutMs: 60_000, leaseMs: 1_000 },
      publish: () => {},
      conversations: new Folds(log, codec, conversation),
      modelOf: () => model,
      finalize: async ({ generation }) => void finalized.push(generation),
      listen: () => () => {},
      bounds: {
        window: { flushes: new FlushClock(clock, 50), bytes: 4_096 },
        ...{ firstTokenTimeoutMs: 30_000, idleTimeoutMs: 30_000 },
      },
      work: { isAlive: async (worker) => worker === 'node-1', release: async (worker) => void released.push(worker) },
      hold: async () => {},
      warn: () => {},
    };
  });

  const newRun = () => {
    slots.tryTake();
    return new GenerationRun(parts, JOB, { worker: 'me', over: new AbortController().signal });
  };
  const claimOn = (tape: TapeWriter) => {
    const asked = { provider: 'demo', model: 'demo-small' };
    const nowMs = clock.now();
    const claim = takeUp({ asked, worker: 'me', nowMs, deadlineMs: nowMs + 60_000, cancelRequested: false });
    return tape.write([claim], new AbortController().signal);
  };
  const typesOnTape = async () => (await wholeStream(log, 'generation-g1')).map(({ type }) => type);

  /** A run whose first offer was not committed. Its claim waits for the gate. */
  async function offeredRun() {
    const { state } = await new Folds(log, codec, conversation).current('conversation-c1');
    const claimed = gate();
    const tape = TapeWriter.ofNew(parts, JOB, ORIGIN);
    const run = newRun();
    const claim = claimed.opened.then(() => claimOn(tape));
    const hasEnded = run.answerOffered(tape, claim, { committed: Promise.resolve(false), ahead: state });
    return { run, hasEnded, openClaim: claimed.open };
  }

  it('answers the second decision if the first one was not committed', async () => {
    const { run, hasEnded, openClaim } = await offeredRun();
    await clock.pass(0);
    expect(run.offerAgain(chat.assembled('g1', BODY).then(() => true))).toBe(true);
    openClaim();
    await clock.pass(1_000);
    expect([await hasEnded, finalized, slots.free]).toEqual([true, ['g1'], 1]);
    expect(await typesOnTape()).toEqual(['GenerationClaimed', 'DeltaReceived', 'AttemptEnded']);
    expect(model.calls.map(({ body }) => body)).toEqual([BODY]);
  });

  it('withdraws its claim if no decision was committed, and refuses offers from then on', async () => {
    const { run, hasEnded, openClaim } = await offeredRun();
    const append = log.append.bind(log);
    const whileWithdrawing: boolean[] = [];
    log.append = async (stream, expected, events, ...rest) => {
      if (events[0]?.type === 'AttemptEnded') whileWithdrawing.push(run.offerAgain(Promise.resolve(true)));
      return append(stream, expected, events, ...rest);
    };
    openClaim();
    expect([await hasEnded, whileWithdrawing, finalized, slots.free]).toEqual([false, [false], [], 1]);
    expect(run.offerAgain(Promise.resolve(true))).toBe(false);
    expect(await typesOnTape()).toEqual(['GenerationClaimed', 'AttemptEnded']);
    expect(model.calls).toEqual([]);
  });

  it.each([0, 1, 2, 3, 4, 5, 6, 7])(
    'waits for each offer that it accepts, %s microtasks after a failed one',
    async (count) => {
      await chat.assembled('g1', BODY);
      const { run, hasEnded, openClaim } = await offeredRun();
      const failing = gate();
      run.offerAgain(failing.opened.then(() => false));
      openClaim();
      await clock.pass(0);
      failing.open();
      for (let nth = 0; nth < count; nth++) await undefined;
      const isAccepted = run.offerAgain(Promise.resolve(true));
      await clock.pass(1_000);
      expect([await hasEnded, model.calls.length]).toEqual([isAccepted, isAccepted ? 1 : 0]);
    },
  );

  it('finalizes a sealed tape without a call', async () => {
    await chat.assembled('g1', BODY);
    await chat.claimed('g1');
    await chat.attemptEnded('g1');
    expect([await newRun().answer(), finalized, model.calls]).toEqual([true, ['g1'], []]);
  });

  it('leaves an open claim to the living worker that has it', async () => {
    await chat.assembled('g1', BODY);
    await chat.claimed('g1');
    expect([await newRun().answer(), released, finalized]).toEqual([false, ['me'], []]);
    expect(await typesOnTape()).toEqual(['GenerationClaimed']);
  });

  it('gives its slot back while it waits for a retry, and claims nothing if it is handed over then', async () => {
    await chat.assembled('g1', BODY);
    await chat.claimed('g1');
    const passing = { outcome: 'failed', finishReason: null, retryAt: '2026-01-01T00:00:30.000Z' } as const;
    await chat.attemptEnded('g1', passing);
    const run = newRun();
    const hasEnded = run.answer();
    await clock.pass(0);
    expect(slots.free).toBe(1);
    run.handOver();
    expect([await hasEnded, slots.free, finalized]).toEqual([false, 1, []]);
    expect(await typesOnTape()).toEqual(['GenerationClaimed', 'AttemptEnded']);
  });

  it('claims again when the retry is due, and ends', async () => {
    await chat.assembled('g1', BODY);
    await chat.claimed('g1');
    const passing = { outcome: 'failed', finishReason: null, retryAt: '2026-01-01T00:00:30.000Z' } as const;
    await chat.attemptEnded('g1', passing);
    const hasEnded = newRun().answer();
    await clock.pass(29_999);
    expect(await typesOnTape()).toEqual(['GenerationClaimed', 'AttemptEnded']);
    await clock.pass(1_000);
    expect([await hasEnded, finalized, slots.free]).toEqual([true, ['g1'], 1]);
    expect((await typesOnTape()).slice(2)).toEqual(['GenerationClaimed', 'DeltaReceived', 'AttemptEnded']);
  });
});
