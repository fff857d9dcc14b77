import { describe, expect, it } from '@jest/globals';
import { type BatchWriter, GroupCommit } from '../../../src/adapters/postgres/group-commit.js';
import { systemClock } from '../../../src/adapters/system/system-clock.js';
import { systemIds } from '../../../src/adapters/system/system-ids.js';
import { Folds } from '../../../src/commands/folds.js';
import { TapeWriter } from '../../../src/commands/tape-writer.js';
import { transact } from '../../../src/commands/transact.js';
import { takeUp } from '../../../src/domain/generation.js';
import { Refusal } from '../../../src/domain/refusal.js';
import { type ApiKey, createTenant, issueKey, type Tenant, tenant } from '../../../src/domain/tenant.js';
import type { TenantEvent } from '../../../src/events/catalogue.js';
import type { Codec } from '../../../src/events/codec.js';
import type { Position } from '../../../src/events/envelope.js';
import { limits } from '../../../src/limits.js';
import { LogUnavailable, RetryableError, TerminalError } from '../../../src/ports/errors.js';
import type { EventLog } from '../../../src/ports/event-log.js';
import { noMeter } from '../../../src/ports/meter.js';
import { everFasterCodec } from '../../support/late-codec.js';
import { MemoryEventLog } from '../../support/memory/memory-event-log.js';
import {
  codec,
  newDelta,
  newEvent,
  newStream,
  someMetadata,
  typedEvents,
  wholeStream,
} from '../../support/new-events.js';

const key = (keyId: string): ApiKey => ({ keyId, user: 'ada', role: 'member', name: '', secretSha256: keyId });

describe('a transaction', () => {
  function on(log: EventLog, stream = newStream('tenant')) {
    const parts = { log, codec, clock: systemClock, ids: systemIds };
    const folds = new Folds(log, codec, tenant);
    const run = async (decide: (state: Tenant) => readonly TenantEvent[], commandId = systemIds.random()) => {
      const meta = { ...someMetadata, commandId };
      return (await transact(parts, { stream, tenant: 'default', meta, folds, decide })).events;
    };
    return { parts, folds, stream, run, types: async () => (await wholeStream(log, stream)).map(({ type }) => type) };
  }

  it('decides on the present state, and appends the events', async () => {
    const { run, types } = on(new MemoryEventLog());
    await run(createTenant('acme', key('a')));
    await run((state) => issueKey(key(`b${state.keys.size}`))(state));
    expect(await types()).toEqual(['TenantCreated', 'ApiKeyIssued', 'ApiKeyIssued']);
  });

  it('appends in the name of the owner, whose turn it takes where appends wait', async () => {
    const log = new MemoryEventLog();
    const users: (string | undefined)[] = [];
    const noting = Object.assign(Object.create(log), {
      append: (...args: Parameters<EventLog['append']>) => {
        users.push(args[3]?.user);
        return log.append(...args);
      },
    });
    const { parts, stream, folds } = on(noting);
    const meta = { ...someMetadata, owner: 'ada' };
    await transact(parts, { stream, tenant: 'default', meta, folds, decide: createTenant('acme', key('a')) });
    expect(users).toEqual(['ada']);
  });

  it('appends nothing when nothing is decided, or when the decision is a refusal', async () => {
    const { run, types } = on(new MemoryEventLog());
    expect(await run(() => [])).toEqual([]);
    const refused = run(() => {
      throw new Error('refused');
    });
    await expect(refused).rejects.toThrow('refused');
    expect(await types()).toEqual([]);
  });

  it('decides again when another writer was faster', async () => {
    const log = new MemoryEventLog();
    const { run, stream, types } = on(log);
    await run(createTenant('acme', key('a')));
    let decisions = 0;
    const decided = await run((state) => {
      decisions += 1;
      if (decisions === 1) {
        const faster = { type: 'ApiKeyIssued', data: key('faster') } as const;
        const wrapping = {
          id: systemIds.random(),
          tenant: 'default',
          at: '2026-01-01T00:00:00.000Z',
          meta: someMetadata,
        };
        void log.append(stream, 1, [newEvent(faster, wrapping)]);
      }
      return issueKey(key(`after-${[...state.keys.keys()].join('-')}`))(state);
    });
    expect(decisions).toBe(2);
    expect(decided).toMatchObject([{ data: { keyId: 'after-a-faster' } }]);
    expect(await types()).toHaveLength(4);
  });

  it('lets a keyed command act once, and then names its place, also if it would now be refused or do nothing', async () => {
    const log = new MemoryEventLog();
    const { parts, stream, folds } = on(log);
    const commandId = systemIds.random();
    const run = (to: string, decide: (state: Tenant) => readonly TenantEvent[]) => {
      const meta = { ...someMetadata, commandId };
      return transact(parts, { stream: to, tenant: 'default', meta, folds, decide, isKeyed: true });
    };
    await run(stream, createTenant('acme', key('a')));
    const known = { place: { stream, revision: 0 } };
    const refuse = () => {
      throw new Refusal('conversation_busy');
    };
    for (const decide of [createTenant('acme', key('b')), () => [], refuse]) {
      await expect(run(stream, decide)).rejects.toMatchObject(known);
      await expect(run(newStream('tenant'), decide)).rejects.toMatchObject(known);
    }
    expect(await wholeStream(log, stream)).toHaveLength(2);
  });

  it.each([
    ['decides to append', createTenant('acme', key('b'))],
    ['has nothing to do', () => []],
    [
      'is refused',
      () => {
        throw new Refusal('conversation_busy');
      },
    ],
  ])(
    'names the place of a keyed command that another process makes at the same time, and that here %s',
    async (_, decide) => {
      const log = new MemoryEventLog();
      const { parts, stream, folds } = on(log);
      const meta = { ...someMetadata, commandId: systemIds.random() };
      const transaction = { stream, tenant: 'default', meta, folds, isKeyed: true };
      const here = transact(parts, {
        ...transaction,
        decide: async (state) => {
          const elsewhere = {
            ...transaction,
            folds: new Folds(log, codec, tenant),
            decide: createTenant('acme', key('a')),
          };
          await transact(parts, elsewhere).catch(() => {});
          return decide(state);
        },
      });
      await expect(here).rejects.toMatchObject({ place: { stream, revision: 0 } });
      expect(await wholeStream(log, stream)).toHaveLength(2);
    },
  );

  it('counts an append as its own that an earlier try of the same call has written', async () => {
    const log = new MemoryEventLog();
    const repeating = Object.assign(Object.create(log), {
      append: async (...args: Parameters<EventLog['append']>) => {
        await log.append(...args);
        return log.append(...args);
      },
    });
    const { run, types } = on(repeating);
    let decisions = 0;
    const events = await run((state) => {
      decisions += 1;
      return createTenant('acme', key('a'))(state);
    });
    expect(events).toMatchObject([{ revision: 0 }, { revision: 1 }]);
    expect(decisions).toBe(1);
    expect(await types()).toEqual(['TenantCreated', 'ApiKeyIssued']);
  });

  it('gives its events new ids each time that it decides', async () => {
    const log = new MemoryEventLog();
    const ids: string[] = [];
    const overtaken = Object.assign(Object.create(log), {
      append: async (...args: Parameters<EventLog['append']>) => {
        ids.push(...args[2].map(({ id }) => id));
        return ids.length === 1 ? { outcome: 'conflict', revision: 'none' } : log.append(...args);
      },
    });
    const { parts, stream, folds } = on(overtaken);
    const decide = (): readonly TenantEvent[] => [{ type: 'TenantCreated', data: { name: 'acme' } }];
    await transact(parts, { stream, tenant: 'default', meta: someMetadata, folds, decide });
    expect(new Set(ids).size).toBe(2);
  });

  it('refuses only on the state in the log, and not on a remembered fold', async () => {
    const log = new MemoryEventLog();
    const { run, stream } = on(log);
    await run(createTenant('acme', key('a')));
    const other = on(log, stream);
    await other.run(issueKey(key('b')));
    const seen: number[] = [];
    await run((state) => {
      seen.push(state.keys.size);
      if (state.keys.size < 2) throw new Error('refused');
      return issueKey(key('c'))(state);
    });
    expect(seen).toEqual([1, 2]);
  });

  it('gives up, retryably, when others are always faster or the log is away', async () => {
    const answering = (outcome: object) => Object.assign(new MemoryEventLog(), { append: async () => outcome });
    const conflicts = on(answering({ outcome: 'conflict', revision: 0 }));
    let decisions = 0;
    const overtaken = conflicts.run((state) => {
      decisions += 1;
      return createTenant('acme', key('a'))(state);
    });
    await expect(overtaken).rejects.toBeInstanceOf(RetryableError);
    expect(decisions).toBe(limits.transactAttemptsMax);
    const away = on(answering({ outcome: 'unavailable', maybeWritten: true }));
    await expect(away.run(createTenant('acme', key('a')))).rejects.toBeInstanceOf(LogUnavailable);
  });

  it('lets those who wait in an outage wait for it once', async () => {
    const log = new MemoryEventLog();
    let nowMs = 0;
    let appends = 0;
    const away = Object.assign(new MemoryEventLog(), {
      append: async () => {
        appends += 1;
        nowMs += limits.appendDeadlineMs;
        return { outcome: 'unavailable', maybeWritten: false };
      },
    });
    const parts = { log: away, codec, clock: { ...systemClock, now: () => nowMs }, ids: systemIds };
    const folds = new Folds(log, codec, tenant);
    const ask = (stream: string) => {
      const meta = { ...someMetadata, commandId: systemIds.random() };
      return transact(parts, { stream, tenant: 'default', meta, folds, decide: createTenant('acme', key('a')) });
    };
    const [stream, other] = [newStream('tenant'), newStream('tenant')];
    const outcomes = await Promise.allSettled([ask(stream), ask(stream), ask(stream), ask(other)]);
    expect(outcomes.map((outcome) => outcome.status)).toEqual(Array(4).fill('rejected'));
    // One for those who waited for each other, and one for another stream.
    expect(appends).toBe(2);
  });

  it('reads a whole stream once for many callers, and each of them gets the later events', async () => {
    const log = new MemoryEventLog();
    const { run, stream } = on(log);
    await run(createTenant('acme', key('a')));
    await run(issueKey(key('b')));
    const reads: number[] = [];
    const counted: Pick<EventLog, 'readStream' | 'continuity'> = {
      continuity: log.continuity,
      readStream: (name, options) => {
        reads.push(options?.from ?? 0);
        return log.readStream(name, options);
      },
    };
    const folds = new Folds(counted, codec, tenant);
    const found = await Promise.all([1, 2, 3].map(() => folds.current(stream)));
    expect(found.map(({ revision }) => revision)).toEqual([2, 2, 2]);
    expect(reads).toEqual([0, 2, 2]);
    await Promise.all([1, 2].map(() => folds.current(newStream('tenant'))));
    expect(reads).toHaveLength(5);
  });

  it('keeps the newer of two folds, whichever was read last', async () => {
    const log = new MemoryEventLog();
    const folds = new Folds(log, codec, tenant);
    const stream = newStream('tenant');
    const run = (decide: (state: Tenant) => readonly TenantEvent[]) => {
      const meta = { ...someMetadata, commandId: systemIds.random() };
      const parts = { log, codec, clock: systemClock, ids: systemIds };
      return transact(parts, { stream, tenant: 'default', meta, folds, decide });
    };
    await run(createTenant('acme', key('a')));
    const before = folds.last(stream);
    await run(issueKey(key('b')));
    if (before) folds.remember(stream, before, before);
    expect(folds.last(stream)?.revision).toBe(2);
  });

  it('refuses to decide on events that it does not know', async () => {
    const log = new MemoryEventLog();
    const { run, stream } = on(log);
    await log.append(stream, 'none', [{ ...newDelta(), type: 'InventedLater' }]);
    await expect(run(createTenant('acme', key('a')))).rejects.toBeInstanceOf(TerminalError);
  });
});

describe('a transaction whose codec answers late', () => {
  it('appends to one stream in the order in which the commands got their turn', async () => {
    const log = new MemoryEventLog();
    const late = everFasterCodec();
    const folds = new Folds(log, late, tenant);
    const stream = newStream('tenant');
    const run = (decide: (state: Tenant) => readonly TenantEvent[]) => {
      const meta = { ...someMetadata, commandId: systemIds.random() };
      const parts = { log, codec: late, clock: systemClock, ids: systemIds };
      return transact(parts, { stream, tenant: 'default', meta, folds, decide });
    };
    await run(createTenant('acme', key('first')));
    await Promise.all(['a', 'b', 'c', 'd'].map((each) => run(issueKey(key(each)))));
    const events = await typedEvents(await wholeStream(log, stream));
    expect(events.flatMap(({ data }) => ('keyId' in data ? [data.keyId] : []))).toEqual(['first', 'a', 'b', 'c', 'd']);
  });
});

describe('what a transaction appends in onAppend', () => {
  /** The streams of each batch that leaves for the database, while a prompt is appended and then offered. */
  async function batchesWith(by: Codec): Promise<string[][]> {
    const batches: string[][] = [];
    const writer: BatchWriter = {
      async write(appends) {
        batches.push(appends.map(({ stream }) => stream));
        return appends.map(({ events }) => ({
          ...{ outcome: 'appended', revision: events.length - 1, position: '1' as Position },
        }));
      },
    };
    const refusal = () => new Error('refused');
    const commit = new GroupCommit({ writers: [writer], refusal, now: () => Date.now(), meter: noMeter });
    const log: EventLog = Object.assign(Object.create(new MemoryEventLog()), {
      append: (...[stream, expected, events]: Parameters<EventLog['append']>) =>
        commit.submit({ stream, expected, events, bytes: 100 }),
    });
    const parts = { log, codec: by, clock: systemClock, ids: systemIds, publish: () => {} };
    const job = { generation: 'g1', conversation: 'c1', tenant: 'default', owner: null };
    const claim = takeUp({
      ...{ asked: { provider: 'demo', model: 'demo' }, worker: 'me', nowMs: 0, deadlineMs: 1, cancelRequested: false },
    });
    let claiming: Promise<unknown> | undefined;
    await transact(parts, {
      ...{ stream: 'tenant-default', tenant: 'default', meta: someMetadata, folds: new Folds(log, by, tenant) },
      decide: createTenant('acme', key('a')),
      onAppend: () => {
        claiming = TapeWriter.ofNew(parts, job, someMetadata).write([claim], new AbortController().signal);
      },
    });
    await claiming;
    return batches;
  }

  it('leaves in the same batch, because a codec with its keys at hand needs no turn of the event loop', async () => {
    expect(await batchesWith(codec)).toEqual([['tenant-default', 'generation-g1']]);
  });

  it('leaves in a later batch when it is encoded late', async () => {
    expect(await batchesWith(everFasterCodec())).toEqual([['tenant-default'], ['generation-g1']]);
  });
});
