import { describe, expect, it } from '@jest/globals';
import { systemIds } from '../../../src/adapters/system/system-ids.js';
import { Looks } from '../../../src/commands/looks.js';
import type { Look } from '../../../src/domain/access.js';
import type { TypedEvent } from '../../../src/events/codec.js';
import type { RecordedEvent } from '../../../src/events/envelope.js';
import { START } from '../../../src/events/envelope.js';
import { factsOf } from '../../../src/formats/record-1/entry.js';
import { RetryableError } from '../../../src/ports/errors.js';
import type { AppendOutcome, EventLog } from '../../../src/ports/event-log.js';
import { categoryOf } from '../../../src/ports/log-rules.js';
import { recordLimits } from '../../../src/record-limits.js';
import { gate } from '../../support/gate.js';
import { ManualClock } from '../../support/manual-clock.js';
import { MemoryEventLog } from '../../support/memory/memory-event-log.js';
import { codec, typedEvents } from '../../support/new-events.js';

type Append = EventLog['append'];

const by = (user: string, tenant = 'default') => ({
  ...{ tenant, traceId: 'trace-1', via: { kind: 'key', id: `key of ${user}` } },
  actor: { id: user, kind: 'user' },
});
const eve = by('eve');

const at = (id: string, more: Partial<Look> = {}): Look => ({
  ...{ what: 'conversation', objects: [{ kind: 'conversation', id }], owner: 'ada' },
  ...more,
});

/** A log whose appends a test can hold up or answer itself. */
function ground(log = new MemoryEventLog(), ids = systemIds) {
  const clock = new ManualClock();
  const appends: { readonly stream: string; readonly count: number }[] = [];
  const instead: { append?: Append | undefined } = {};
  const append: Append = async (stream, expected, events, options) => {
    appends.push({ stream, count: events.length });
    return (instead.append ?? log.append.bind(log))(stream, expected, events, options);
  };
  const looks = new Looks({ log: { append }, codec, clock, ids });
  return { log, clock, appends, instead, looks };
}

async function recordedIn(log: MemoryEventLog): Promise<RecordedEvent[]> {
  const events: RecordedEvent[] = [];
  for await (const page of log.readAll(START)) events.push(...page.events);
  return events;
}

async function trailOf(log: MemoryEventLog) {
  const events = await typedEvents(await recordedIn(log));
  return events.filter((event): event is Extract<TypedEvent, { type: 'AccessRecorded' }> => {
    return event.type === 'AccessRecorded';
  });
}

const objectsIn = async (log: MemoryEventLog) => (await trailOf(log)).map(({ data }) => data.object.id);

const unanswered: AppendOutcome = { outcome: 'unavailable', maybeWritten: true };

describe('a look', () => {
  it('is committed before the call resolves, and says who looked at what of whom, and why', async () => {
    const { log, looks } = ground();
    await looks.record(
      { ...eve, traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' },
      at('c1', { what: 'runs', filters: { q: 'merger', model: undefined }, purpose: 'case 17' }),
    );
    const [event, ...others] = await trailOf(log);
    expect(others).toEqual([]);
    expect(event).toMatchObject({ tenant: 'default', at: '2026-01-01T00:00:00.000Z', revision: 0 });
    expect(event?.data).toEqual({
      ...{ what: 'runs', object: { kind: 'conversation', id: 'c1' }, owner: 'ada' },
      ...{ filters: { q: 'merger' }, purpose: 'case 17' },
    });
    expect(event?.meta).toEqual({
      ...{ actor: { id: 'eve', kind: 'user' }, via: { kind: 'key', id: 'key of eve' } },
      ...{ correlationId: 'trace-1', commandId: expect.any(String) },
      traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
    });
  });

  it('at a part has an event for the part and one for the whole, of one command', async () => {
    const { log, looks, appends } = ground();
    const run = { kind: 'run', id: 'g1' } as const;
    await looks.record(eve, at('c1', { what: 'run', objects: [run, { kind: 'conversation', id: 'c1' }] }));
    const trail = await trailOf(log);
    expect(trail.map(({ data }) => data.object)).toEqual([run, { kind: 'conversation', id: 'c1' }]);
    expect(new Set(trail.map(({ meta }) => meta.commandId)).size).toBe(1);
    expect(appends).toHaveLength(1);
  });

  it('has a stream of its tenant, day and process', async () => {
    const { log, looks, clock } = ground();
    await looks.record(eve, at('c1'));
    await looks.record(by('eve', 'acme'), at('c1'));
    await clock.pass(24 * 60 * 60 * 1_000);
    await looks.record(eve, at('c1'));
    await looks.record(eve, at('c2'));
    const places = (await trailOf(log)).map(({ stream, tenant, revision }) => ({ stream, tenant, revision }));
    const [, writer] = /-([0-9a-f]{32})$/.exec(places[0]?.stream ?? '') ?? [];
    expect(places).toEqual([
      { stream: `access-default-2026-01-01-${writer}`, tenant: 'default', revision: 0 },
      { stream: `access-acme-2026-01-01-${writer}`, tenant: 'acme', revision: 0 },
      { stream: `access-default-2026-01-02-${writer}`, tenant: 'default', revision: 0 },
      { stream: `access-default-2026-01-02-${writer}`, tenant: 'default', revision: 1 },
    ]);
    expect(looks.lastIn('default')).toEqual({ stream: places[3]?.stream, revision: 1 });
    expect(looks.lastIn('nowhere')).toBeUndefined();
  });

  it('never names a conversation in its metadata, so its chain in the record is the access stream', async () => {
    const { log, looks } = ground();
    await looks.record(eve, at('c1'));
    const [event] = (await recordedIn(log)) as [RecordedEvent];
    expect(categoryOf(event.stream)).toBe('access');
    expect(JSON.parse(event.meta)).not.toHaveProperty('conversation');
    expect(JSON.parse(event.meta)).not.toHaveProperty('owner');
    expect(factsOf(event)).toMatchObject({ chain: event.stream, owner: null });
  });
});

describe('one record', () => {
  it('covers a thousand equal looks of a minute, and the next minute has another one', async () => {
    const { log, looks, clock } = ground();
    for (let nth = 0; nth < 1_000; nth++) {
      await looks.record(eve, at('c1'));
      if (nth % 100 === 99) await clock.pass(5_999);
    }
    expect(await objectsIn(log)).toEqual(['c1']);
    await clock.pass(10);
    await looks.record(eve, at('c1'));
    expect(await objectsIn(log)).toEqual(['c1', 'c1']);
  });

  it('covers equal looks that begin before it is committed, and none of them resolves earlier', async () => {
    const { log, looks, instead } = ground();
    const { opened, open } = gate();
    instead.append = async (...args) => {
      await opened;
      return log.append(...args);
    };
    let resolved = 0;
    const all = Array.from({ length: 1_000 }, async () => {
      await looks.record(eve, at('c1'));
      resolved += 1;
    });
    await new Promise((resolve) => setImmediate(resolve));
    expect(resolved).toBe(0);
    open();
    await Promise.all(all);
    expect(await objectsIn(log)).toEqual(['c1']);
  });

  it('covers no other actor, tenant, object, filter or purpose', async () => {
    const { log, looks } = ground();
    const c1 = at('c1');
    const different: [Parameters<Looks['record']>[0], Look][] = [
      [eve, c1],
      [by('mallory'), c1],
      [by('eve', 'acme'), c1],
      [{ ...eve, actor: { id: 'eve', kind: 'operator' } }, c1],
      [eve, at('c2')],
      [eve, { ...c1, objects: [{ kind: 'run', id: 'c1' }] }],
      [eve, { ...c1, filters: { q: 'a' } }],
      [eve, { ...c1, filters: { q: 'b' } }],
      [eve, { ...c1, filters: { model: 'a' } }],
      [eve, { ...c1, purpose: 'case 17' }],
      [eve, { ...c1, what: 'record_entry' }],
      [eve, { ...c1, what: 'conversation_feed' }],
    ];
    for (const [who, look] of [...different, ...different]) await looks.record(who, look);
    expect(await trailOf(log)).toHaveLength(different.length);
  });

  it('covers filters in any order', async () => {
    const { log, looks } = ground();
    await looks.record(eve, at('g1', { what: 'run', filters: { a: '1', b: '2' } }));
    await looks.record(eve, at('g1', { what: 'run', filters: { b: '2', a: '1', c: undefined } }));
    expect(await trailOf(log)).toHaveLength(1);
  });

  it('is forgotten before its time when a process has too many: then there is one record more', async () => {
    const { log, looks } = ground();
    await looks.record(eve, at('first'));
    const others = Array.from({ length: recordLimits.coveredLooksMax }, (_, nth) => nth);
    while (others.length > 0)
      await Promise.all(
        others.splice(0, recordLimits.waitingLooksPerActorMax).map((nth) => looks.record(eve, at(`c${nth}`))),
      );
    await looks.record(eve, at(`c${recordLimits.coveredLooksMax - 1}`));
    expect(await trailOf(log)).toHaveLength(recordLimits.coveredLooksMax + 1);
    await looks.record(eve, at('first'));
    expect(await trailOf(log)).toHaveLength(recordLimits.coveredLooksMax + 2);
  });
});

describe('a log that does not take a look', () => {
  it('refuses it, and covers no later one', async () => {
    const { log, looks, instead } = ground();
    instead.append = async () => ({ outcome: 'unavailable', maybeWritten: false });
    await expect(looks.record(eve, at('c1'))).rejects.toThrow(RetryableError);
    await expect(looks.record(eve, at('c1'))).rejects.toThrow('the look cannot be recorded now');
    instead.append = undefined;
    await looks.record(eve, at('c1'));
    expect(await objectsIn(log)).toEqual(['c1']);
  });

  it('refuses the looks that waited for the same append, and not those behind it', async () => {
    const { log, looks, instead } = ground();
    const { opened, open } = gate();
    instead.append = async () => {
      instead.append = undefined;
      await opened;
      return { outcome: 'unavailable', maybeWritten: false };
    };
    const refused = [looks.record(eve, at('c1')), looks.record(eve, at('c2')), looks.record(eve, at('c1'))];
    await new Promise((resolve) => setImmediate(resolve));
    const later = looks.record(eve, at('c3'));
    open();
    expect((await Promise.allSettled(refused)).map(({ status }) => status)).toEqual(Array(3).fill('rejected'));
    await later;
    expect(await objectsIn(log)).toEqual(['c3']);
  });

  it('may have written it all the same: the trail goes on behind it, without a gap', async () => {
    const { log, looks, instead } = ground();
    await looks.record(eve, at('c1'));
    instead.append = async (...args) => {
      await log.append(...args);
      return unanswered;
    };
    await expect(looks.record(eve, at('c2'))).rejects.toThrow(RetryableError);
    instead.append = undefined;
    await looks.record(eve, at('c3'));
    await looks.record(eve, at('c2'));
    expect((await trailOf(log)).map(({ revision, data }) => [revision, data.object.id])).toEqual([
      [0, 'c1'],
      [1, 'c2'],
      [2, 'c3'],
      [3, 'c2'],
    ]);
  });
});

describe('many looks at once', () => {
  it('share appends', async () => {
    const { log, looks, appends } = ground();
    const objects = Array.from({ length: 500 }, (_, nth) => `c${nth}`);
    await Promise.all(objects.map((id) => looks.record(eve, at(id))));
    expect(await objectsIn(log)).toEqual(objects);
    expect(appends.map(({ count }) => count)).toEqual([200, 200, 100]);
  });

  it('of the longest filters fit into their appends', async () => {
    const { log, looks, appends } = ground();
    const q = '\u0001'.repeat(16 * 1024);
    const objects = Array.from({ length: 50 }, (_, nth) => `c${nth}`);
    await Promise.all(objects.map((id) => looks.record(eve, at(id, { filters: { q } }))));
    expect(await objectsIn(log)).toEqual(objects);
    expect(appends.length).toBeGreaterThan(5);
  });

  it('of one user are bounded and delay no other user for longer than one append', async () => {
    const { log, looks, instead } = ground();
    const { opened, open } = gate();
    instead.append = async (...args) => {
      await opened;
      return log.append(...args);
    };
    const first = looks.record(eve, at('first'));
    await new Promise((resolve) => setImmediate(resolve));
    const flood = Array.from({ length: recordLimits.waitingLooksPerActorMax }, (_, nth) =>
      looks.record(eve, at(`c${nth}`)),
    );
    await expect(looks.record(eve, at('one more'))).rejects.toThrow('too many looks of this user wait for the log');
    const other = looks.record(by('bob'), at('of bob'));
    open();
    await Promise.all([first, other, ...flood]);
    const order = await objectsIn(log);
    expect(order).toHaveLength(flood.length + 2);
    expect(order.indexOf('of bob')).toBeLessThanOrEqual(2);
    await looks.record(eve, at('one more'));
  });

  it('are bounded by their bytes, over all users', async () => {
    const { looks, instead } = ground();
    const { opened, open } = gate();
    instead.append = async () => {
      await opened;
      return unanswered;
    };
    const q = 'x'.repeat(1024 * 1024);
    const waiting = Array.from({ length: 15 }, (_, nth) => looks.record(by(`u${nth}`), at('c', { filters: { q } })));
    const outcomes = Promise.allSettled(waiting);
    await expect(looks.record(by('late'), at('c', { filters: { q } }))).rejects.toThrow('too many looks wait');
    open();
    await outcomes;
    await expect(looks.record(by('late'), at('c', { filters: { q } }))).rejects.toThrow('cannot be recorded now');
  });
});

describe('two processes', () => {
  it('write streams of their own, so neither waits for the other', async () => {
    const log = new MemoryEventLog();
    const [one, other] = [ground(log), ground(log)];
    const objects = Array.from({ length: 100 }, (_, nth) => `c${nth}`);
    await Promise.all(objects.flatMap((id) => [one.looks.record(eve, at(id)), other.looks.record(eve, at(id))]));
    const trail = await trailOf(log);
    expect(trail).toHaveLength(200);
    expect(new Set(trail.map(({ stream }) => stream)).size).toBe(2);
  });
});
