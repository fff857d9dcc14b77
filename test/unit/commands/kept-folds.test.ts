import { randomUUID } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { Folds } from '../../../src/commands/folds.js';
import { KeptFolds } from '../../../src/commands/kept-folds.js';
import { transact } from '../../../src/commands/transact.js';
import { type Conversation, decidedConversation } from '../../../src/domain/conversation/conversation.js';
import { assembling } from '../../../src/domain/conversation/prompting.js';
import { send } from '../../../src/domain/conversation/turns.js';
import type { ConversationEvent } from '../../../src/events/conversation-events.js';
import type { NewEvent } from '../../../src/events/envelope.js';
import { limits } from '../../../src/limits.js';
import { RetryableError } from '../../../src/ports/errors.js';
import type { EventLog, ReadStreamOptions } from '../../../src/ports/event-log.js';
import type { KeptFold } from '../../../src/ports/kept-folds.js';
import { gate } from '../../support/gate.js';
import { leastHold } from '../../support/longest-hold.js';
import { ManualClock } from '../../support/manual-clock.js';
import { MemoryEventLog } from '../../support/memory/memory-event-log.js';
import { MemoryKeptFolds } from '../../support/memory/memory-kept-folds.js';
import { codec, newEvent } from '../../support/new-events.js';
import { until } from '../../support/until.js';
import { eventsOf, foldOf, uuid } from '../domain/conversation/kept.js';
import { command } from '../domain/conversation/story.js';
import { oneEach } from '../domain/prompt/drafts.js';

const STREAM = 'conversation-long';
const EVERY = 100;

const meta = { owner: 'ada', actor: { id: 'ada', kind: 'user' }, correlationId: 'c', commandId: 'c' };

const recordedOf = (events: readonly ConversationEvent[]): NewEvent[] =>
  events.map((event) => newEvent(event, { id: randomUUID(), tenant: 'acme', at: '2026-01-02T03:04:05.678Z', meta }));

/** A conversation that was started and has so many turns, each after the one before. */
const longLedger = (turns: number): NewEvent[] =>
  recordedOf(
    eventsOf([
      { act: 'start', pick: 6, other: 6 },
      ...Array.from({ length: turns }, () => ({ act: 'turn' as const, pick: 7, other: 1 })),
    ]),
  );

async function logOf(ledger: readonly NewEvent[]): Promise<MemoryEventLog> {
  const log = new MemoryEventLog();
  for (let from = 0; from < ledger.length; from += limits.appendEventsMax) {
    await log.append(STREAM, from === 0 ? 'none' : from - 1, ledger.slice(from, from + limits.appendEventsMax));
  }
  return log;
}

/** A process of its own, with the log and the store that all share. */
function newProcess(log: MemoryEventLog, store: MemoryKeptFolds) {
  const reads = { events: 0 };
  const warnings: string[] = [];
  const counted: Pick<EventLog, 'readStream' | 'continuity'> = {
    continuity: log.continuity,
    async *readStream(...args) {
      for await (const page of log.readStream(...args)) {
        reads.events += page.length;
        yield page;
      }
    },
  };
  const warn = (_: object, message: string) => void warnings.push(message);
  const aggregate = decidedConversation;
  const kept = new KeptFolds({ log: counted, store, codec, aggregate, everyEvents: EVERY, warn });
  return { folds: new Folds(counted, codec, aggregate, kept), kept, reads, warnings };
}

async function keptBy(log: MemoryEventLog): Promise<MemoryKeptFolds> {
  const store = new MemoryKeptFolds();
  const { folds, kept } = newProcess(log, store);
  await folds.current(STREAM);
  await kept.settled();
  expect(store.rows.has(STREAM)).toBe(true);
  return store;
}

const changed = (store: MemoryKeptFolds, changes: (row: KeptFold) => Partial<KeptFold>): void => {
  const row = store.rows.get(STREAM) as KeptFold;
  store.rows.set(STREAM, { ...row, ...changes(row) });
};

const assemble = assembling({ provider: 'demo', model: 'demo', providers: { demo: 'demo' } }, () => oneEach);
const sending = send(
  { ...command('a command'), by: { tenant: 'acme', user: 'ada' } },
  { messageId: uuid(0xaaaa), content: 'hello', origin: 'person' },
  { generationId: uuid(0xaaab), options: { tokenBudget: 400 } },
  assemble,
);

const whole = async (log: MemoryEventLog): Promise<Conversation> =>
  (await new Folds(log, codec, decidedConversation).current(STREAM)).state;

describe('a process that has just started', () => {
  it('reads of a long conversation only what its first decision needs', async () => {
    const log = await logOf(longLedger(1_000));
    const store = await keptBy(log);
    const { folds, reads } = newProcess(log, store);
    const { state } = await folds.current(STREAM);
    expect(await folds.whenLoaded(STREAM, () => sending(state))).toEqual(sending(await whole(log)));
    expect(state.seen).toBe(4_001);
    expect(reads.events).toBeLessThan(300);
  });

  it('reads twice as much each time that a prompt needs more', async () => {
    const log = await logOf(longLedger(500));
    const store = await keptBy(log);
    const { folds } = newProcess(log, store);
    const { state } = await folds.current(STREAM);
    let loads = 0;
    const wholePath = () => {
      loads += 1;
      return [...state.nodes.newestFirst()].length;
    };
    expect(await folds.whenLoaded(STREAM, wholePath)).toBe(1_000);
    // 32, 64, 128, 256 and 512 nodes.
    expect(loads).toBeLessThan(7);
  });

  it.each<[string, (store: MemoryKeptFolds) => void]>([
    ['is missing', (store) => store.rows.clear()],
    ['has another version', (store) => changed(store, ({ version }) => ({ version: version + 1 }))],
    ['is damaged', (store) => changed(store, ({ bytes }) => ({ bytes: bytes.fill(0, 50, 60) }))],
    ['ends with an event that the log does not have', (store) => changed(store, () => ({ event: randomUUID() }))],
    ['ends after the log', (store) => changed(store, ({ revision }) => ({ revision: revision + 10 }))],
    [
      'cannot be read now',
      (store) => void Object.assign(store, { find: () => Promise.reject(new RetryableError('away')) }),
    ],
  ])('folds from the first event if the kept fold %s', async (_, spoil) => {
    const log = await logOf(longLedger(50));
    const store = await keptBy(log);
    spoil(store);
    const { folds, kept, reads } = newProcess(log, store);
    const { state } = await folds.current(STREAM);
    expect(state).toEqual(await whole(log));
    expect(reads.events).toBeGreaterThanOrEqual(201);
    expect(log.continuity.isBroken).toBe(false);
    await kept.settled();
    expect(store.rows.get(STREAM)).toMatchObject({ version: 1, revision: 200 });
  });

  it('does not use a kept fold of a log that has other events', async () => {
    const ledger = longLedger(200);
    const store = await keptBy(await logOf(ledger));
    const [started, ...turns] = ledger as [NewEvent, ...NewEvent[]];
    const old = [started, ...turns.slice(8, 16), ...turns.slice(0, 8), ...turns.slice(16)];
    const { folds, warnings } = newProcess(await logOf(old), store);
    const first = async () => {
      const { state } = await folds.current(STREAM);
      return folds.whenLoaded(STREAM, () => state.nodes.get(uuid(1)));
    };
    await expect(first()).rejects.toBeInstanceOf(RetryableError);
    expect(warnings).toEqual(['a kept fold is not used: the log has other events']);
    expect(store.rows.size).toBe(0);
    expect(await first()).toMatchObject({ id: uuid(1), seen: 10 });
  });

  it('appends what its decision has not read, and folds it', async () => {
    const log = await logOf(longLedger(200));
    const { folds } = newProcess(log, await keptBy(log));
    const parts = {
      log,
      codec,
      clock: new ManualClock(),
      ids: { random: randomUUID, event: randomUUID, secret: randomUUID },
    };
    const data = { generationId: uuid(0xaaab), messageId: uuid(101), options: {}, turn: 'last' as const };
    const decide = () => [{ type: 'GenerationRequested' as const, data }];
    const { state } = await transact(parts, { stream: STREAM, tenant: 'acme', meta, folds, decide });
    expect(state.queue).toEqual([data.generationId]);
    expect(state.nodes.get(data.generationId)).toMatchObject({ depth: 101, root: uuid(1) });
  });
});

describe('a fold', () => {
  it('is kept each time that its stream has grown by so many events, and folds of short streams are not', async () => {
    const ledger = longLedger(80);
    const log = await logOf(ledger.slice(0, 1));
    const store = new MemoryKeptFolds();
    const { folds, kept } = newProcess(log, store);
    const revisions = new Set<number | undefined>();
    for (const [nth, event] of ledger.entries()) {
      if (nth > 0) await log.append(STREAM, nth - 1, [event]);
      await folds.current(STREAM);
      await kept.settled();
      revisions.add(store.rows.get(STREAM)?.revision);
    }
    expect([...revisions]).toEqual([undefined, 99, 199, 299]);
  });

  it('that was read from a kept one is not kept again', async () => {
    const log = await logOf(longLedger(80));
    const store = await keptBy(log);
    const { folds, kept } = newProcess(log, store);
    store.keep = () => Promise.reject(new Error('it was kept again'));
    await folds.current(STREAM);
    await kept.settled();
    expect(folds.last(STREAM)?.revision).toBe(320);
  });

  it('is kept beside its readers, and only the latest of those that wait', async () => {
    const ledger = longLedger(100);
    const log = await logOf(ledger.slice(0, 101));
    const store = new MemoryKeptFolds();
    const { folds, kept } = newProcess(log, store);
    const [keep, held] = [store.keep.bind(store), gate()];
    const revisions: number[] = [];
    store.keep = async (fold) => {
      revisions.push(fold.revision);
      await held.opened;
      await keep(fold);
    };
    await folds.current(STREAM);
    await until(() => revisions.length > 0);
    for (let from = 101; from < 401; from += 100) {
      await log.append(STREAM, from - 1, ledger.slice(from, from + 100));
      expect((await folds.current(STREAM)).revision).toBe(from + 99);
    }
    held.open();
    await kept.settled();
    expect(revisions).toEqual([100, 400]);
    expect(store.rows.get(STREAM)?.revision).toBe(400);
  });

  it.each([
    ['an outage is not reported', new RetryableError('away'), []],
    ['another failure is', new Error('denied'), ['the fold of a stream could not be kept']],
  ])('that could not be kept stays with its process: %s', async (_, error, expected) => {
    const log = await logOf(longLedger(80));
    const store = new MemoryKeptFolds();
    store.keep = () => Promise.reject(error);
    const { folds, kept, warnings } = newProcess(log, store);
    await folds.current(STREAM);
    await kept.settled();
    expect(folds.last(STREAM)?.revision).toBe(320);
    expect(warnings).toEqual(expected);
  });

  it('of a full conversation is written and read without holding the event loop', async () => {
    const act = { act: 'message', pick: 1, other: 0 } as const;
    const events = eventsOf(new Array(limits.conversationNodesMax).fill(act));
    const ledger = recordedOf(events);
    const log = Object.assign(new MemoryEventLog(), {
      async *readStream(stream: string, { from = 0, eventsMax = 1 }: ReadStreamOptions = {}) {
        yield ledger.slice(from, from + eventsMax).map((event, nth) => ({ ...event, stream, revision: from + nth }));
      },
    });
    const state = foldOf(decidedConversation, events);
    const folded = { state, revision: ledger.length - 1, lastId: ledger.at(-1)?.id ?? '', bytes: 1 };
    const store = new MemoryKeptFolds();
    const boundMs = 50;
    const keeping = await leastHold(boundMs, async () => {
      const { kept } = newProcess(log, store);
      kept.offer(STREAM, decidedConversation.initial, folded);
      await kept.settled();
    });
    expect(keeping).toBeLessThan(boundMs);
    expect(store.rows.size).toBe(1);
    expect(await leastHold(boundMs, () => newProcess(log, store).kept.find(STREAM))).toBeLessThan(boundMs);
  });
});
