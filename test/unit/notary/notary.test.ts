import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { NewEvent, RecordedEvent } from '../../../src/events/envelope.js';
import { rootOf } from '../../../src/formats/record-1/frontier.js';
import { sha256 } from '../../../src/formats/record-1/hashes.js';
import { NoteSigner, originOf } from '../../../src/formats/record-1/note.js';
import { rootFromInclusion } from '../../../src/formats/record-1/proofs.js';
import { TreeHashes } from '../../../src/notary/tree-hashes.js';
import { RetryableError } from '../../../src/ports/errors.js';
import type { RecordStore } from '../../../src/ports/record.js';
import { ChatLog } from '../../support/chat-log.js';
import { MemoryEventLog } from '../../support/memory/memory-event-log.js';
import type { MemoryNotes } from '../../support/memory/memory-record.js';
import { appendAtEnd, newDelta } from '../../support/new-events.js';
import { NotaryGround } from '../../support/notary-ground.js';
import { drawnDeliveries, redelivering } from '../../support/redelivering-log.js';
import { until } from '../../support/until.js';

const AT = '2026-01-02T03:04:05.678Z';

const event = (type: string, data: object, meta: object = {}, tenant = 'default'): NewEvent => ({
  ...{ id: randomUUID(), type, schema: 2, tenant, at: AT },
  ...{ data: JSON.stringify(data), meta: JSON.stringify({ conversation: 'c1', ...meta }) },
});

let ground: NotaryGround;
beforeEach(() => {
  ground = new NotaryGround();
});
afterEach(() => ground.stop());

const append = (stream: string, ...events: NewEvent[]) => appendAtEnd(ground.log, stream, events);
const parsed = async (tenant?: string) => (await ground.entries(tenant)).map(({ leaf }) => JSON.parse(leaf));

describe('the notary', () => {
  it('makes an entry for each event in the order of the log, and one for a tape at its seal', async () => {
    const chat = await new ChatLog(ground.log).started();
    await chat.turn('1', ['Hel', 'lo']);
    ground.start();
    await ground.signed();
    const entries = await parsed();
    expect(entries.map(({ type, kind }) => [type, kind])).toEqual([
      ['ConversationStarted', 'event'],
      ['MessageSent', 'event'],
      ['GenerationRequested', 'event'],
      ['PromptAssembled', 'event'],
      ['AttemptEnded', 'tape'],
      ['GenerationFinalized', 'event'],
    ]);
    expect(entries.map(({ chain, n }) => [chain, n])).toEqual(
      entries.map((_, nth) => [`conversation-${chat.id}`, nth]),
    );
    const stored = await ground.entries();
    expect(entries.map(({ prev }) => prev)).toEqual([
      null,
      ...stored.slice(0, -1).map(({ hash }) => hash.toString('base64')),
    ]);
    expect(entries[4]).toMatchObject({ events: 4, rev: 3, owner: null });
    expect(ground.written).toBe(6);
    expect(await ground.check()).toEqual([{ tenant: 'default', size: 6, stored: 6, signed: 6, mistakes: [] }]);
  });

  it('signs the tree of each tenant, also outside the store, and goes on with later events', async () => {
    ground.start();
    await append('tenant-acme', event('TenantCreated', {}, {}, 'acme'));
    await append('tenant-b', event('TenantCreated', {}, {}, 'b'));
    await ground.signed();
    for (const tenant of ['acme', 'b']) {
      const hashes = (await ground.entries(tenant)).map(({ hash }) => hash);
      expect(await ground.noted(tenant)).toEqual({ size: 1, root: rootOf(hashes) });
    }
    await append('tenant-acme', event('ApiKeyIssued', {}, {}, 'acme'), event('ApiKeyIssued', {}, {}, 'acme'));
    await ground.signed();
    const hashes = (await ground.entries('acme')).map(({ hash }) => hash);
    expect(await ground.noted('acme')).toEqual({ size: 3, root: rootOf(hashes) });
    const kept = ground.kept.byOrigin.get(originOf(await ground.log.identity(), 'first', 'acme'));
    expect(kept).toBe((await ground.record.lastNote('acme'))?.note);
    expect(await ground.noted('b')).toMatchObject({ size: 1 });
  });

  it('links the conversations of an owner, and reduces protected values', async () => {
    const meta = (conversation: string) => ({ conversation, owner: 'u1', p: 1 });
    const text = { $p: 1, c: sha256('a text').toString('base64'), x: 'AAAA' };
    for (const id of ['c1', 'c2', 'c3']) await append(`conversation-${id}`, event('MessageSent', { text }, meta(id)));
    await append('conversation-c1', event('MessageSent', { text }, meta('c1')));
    ground.start();
    await ground.signed();
    const [first, second, third, again] = await parsed();
    const [one, two] = (await ground.entries()).map(({ hash }) => hash.toString('base64'));
    expect([first.on, first.oprev]).toEqual([0, null]);
    expect([second.on, second.oprev]).toEqual([1, one]);
    expect([third.on, third.oprev]).toEqual([2, two]);
    expect(again).toMatchObject({ n: 1, prev: one, owner: 'u1' });
    expect(again).not.toHaveProperty('on');
    expect(await ground.check()).toMatchObject([{ mistakes: [] }]);
  });

  it('gives no entry to a retry of a tape, and one of its own to what follows the seal', async () => {
    const tape = 'generation-g1';
    await append(
      tape,
      event('GenerationClaimed', {}),
      event('AttemptEnded', { retryAt: AT }),
      event('GenerationClaimed', {}),
    );
    await append('tenant-default', event('TenantCreated', {}));
    ground.start();
    await ground.signed();
    expect((await parsed()).map(({ stream }) => stream)).toEqual(['tenant-default']);
    await append(tape, newDelta(), event('AttemptEnded', {}));
    await append(tape, event('AttemptEnded', {}), newDelta(), event('GenerationClaimed', {}));
    await ground.signed();
    expect((await parsed()).slice(1).map(({ kind, rev, events }) => [kind, rev, events])).toEqual([
      ['tape', 4, 5],
      ['event', 5, undefined],
      ['event', 7, undefined],
    ]);
    const [{ mistakes } = { mistakes: [] }] = await ground.check();
    expect(mistakes).toEqual(
      [
        '5 of generation-g1 (AttemptEnded)',
        '6 of generation-g1 (DeltaReceived)',
        '7 of generation-g1 (GenerationClaimed)',
      ].map((place) => `event ${place} is not on an open tape`),
    );
  });

  it('makes the same tree in steps of any size, after crashes, and from the beginning', async () => {
    const draw = fc.array(fc.tuple(fc.constantFrom('acme', 'b'), fc.constantFrom('c1', 'c2'), fc.boolean()), {
      minLength: 1,
      maxLength: 60,
    });
    await fc.assert(
      fc.asyncProperty(draw, fc.array(fc.nat(59)), async (events, stops) => {
        const drawn = new NotaryGround();
        drawn.start();
        for (const [nth, [tenant, conversation, isTape]] of events.entries()) {
          const meta = { conversation: `${tenant}-${conversation}` };
          if (isTape)
            await appendAtEnd(drawn.log, `generation-g${nth}`, [
              event('GenerationClaimed', {}, meta, tenant),
              event('AttemptEnded', {}, meta, tenant),
            ]);
          else
            await appendAtEnd(drawn.log, `conversation-${meta.conversation}`, [event('MessageSent', {}, meta, tenant)]);
          if (!stops.includes(nth)) continue;
          await drawn.stop();
          drawn.start();
        }
        await drawn.signed();
        await drawn.stop();
        const before = [
          await drawn.entries('acme'),
          await drawn.entries('b'),
          await drawn.noted('acme'),
          await drawn.noted('b'),
        ];
        expect((await drawn.check()).flatMap(({ mistakes }) => mistakes)).toEqual([]);
        await drawn.record.forget('notary');
        drawn.start({ holder: 'node-2' });
        await drawn.signed();
        await until(
          async () =>
            (await drawn.record.unsigned()).length === 0 &&
            (await drawn.entries('acme')).length + (await drawn.entries('b')).length === events.length,
        );
        await drawn.stop();
        expect([
          await drawn.entries('acme'),
          await drawn.entries('b'),
          await drawn.noted('acme'),
          await drawn.noted('b'),
        ]).toEqual(before);
      }),
      { numRuns: 15 },
    );
  });

  it('makes each entry once from a log that delivers events late, again and in pieces', async () => {
    await fc.assert(
      fc.asyncProperty(drawnDeliveries, async (deliveries) => {
        const log = new MemoryEventLog();
        const drawn = new NotaryGround(redelivering(log, deliveries));
        const chats = await Promise.all(['a', 'b'].map((id) => new ChatLog(log, id).started()));
        for (const name of ['1', '2', '3', '4']) {
          for (const chat of chats) await chat.turn(`${chat.id}${name}`, ['piece', 'piece']);
        }
        drawn.start();
        await drawn.signed();
        await drawn.stop();
        expect(await drawn.check()).toEqual([{ tenant: 'default', size: 42, stored: 42, signed: 42, mistakes: [] }]);
      }),
      { numRuns: 10 },
    );
  });

  it('reads a tape at its seal whose beginning another owner has followed, and no other', async () => {
    const read: string[] = [];
    const { log } = ground;
    const watched = Object.assign(Object.create(log), {
      readStream: (...args: Parameters<typeof log.readStream>) => {
        read.push(args[0]);
        return log.readStream(...args);
      },
    });
    const chat = await new ChatLog(log).started();
    const other = new NotaryGround(watched);
    const first = other.start();
    await chat.asked('g1', await sent('m1'));
    await chat.claimed('g1');
    await chat.turn('2', ['whole']);
    await other.signed();
    await first.stop();
    expect(read).toEqual([]);
    other.start({ holder: 'node-2' });
    await chat.delta('g1', 'late');
    await chat.attemptEnded('g1');
    await chat.turn('3', ['whole']);
    await other.signed();
    await other.stop();
    expect(read).toEqual(['generation-g1']);
    expect((await other.check()).flatMap(({ mistakes }) => mistakes)).toEqual([]);

    async function sent(message: string): Promise<string> {
      await chat.sent(message, 'Hello');
      return message;
    }
  });

  it('proves each entry from its tiles', async () => {
    const count = 600;
    for (let nth = 0; nth < count; nth += 100) {
      await append(
        'conversation-c1',
        ...Array.from({ length: 100 }, (_, of) => event('MessageSent', { nth: nth + of })),
      );
    }
    ground.start();
    await ground.signed();
    const tree = await ground.noted();
    const hashes = (await ground.entries()).map(({ hash }) => hash);
    expect(tree).toEqual({ size: count, root: rootOf(hashes) });
    for (const index of [0, 255, 256, 511, 512, 599]) {
      const path = await new TreeHashes(ground.record, 'default').inclusion(index, count);
      expect(rootFromInclusion(index, count, hashes[index] as Buffer, path)).toEqual(tree?.root);
    }
    expect(await new TreeHashes(ground.record, 'default').root(300)).toEqual(rootOf(hashes.slice(0, 300)));
  });
});

describe('a notary that must not sign', () => {
  const origin = async (tenant: string) => originOf(await ground.log.identity(), 'first', tenant);

  /** Two tenants with a signed tree each. */
  async function signedTwo(): Promise<void> {
    const notary = ground.start();
    for (const tenant of ['acme', 'b']) await append(`tenant-${tenant}`, event('TenantCreated', {}, {}, tenant));
    await ground.signed();
    await notary.stop();
  }

  async function more(): Promise<void> {
    for (const tenant of ['acme', 'b']) await append(`tenant-${tenant}`, event('ApiKeyIssued', {}, {}, tenant));
  }

  it('stops for the tenant whose kept note is of another tree, with the reason, and goes on for the others', async () => {
    await signedTwo();
    const fork = new NoteSigner(sha256('the key')).sign(await origin('acme'), { size: 1, root: sha256('another') });
    ground.kept.byOrigin.set(await origin('acme'), fork);
    await more();
    ground.start({ holder: 'node-2' });
    await until(async () => (await ground.noted('b'))?.size === 2 && (await ground.record.troubles(10)).size > 0);
    const reason = 'the tree of 2 entries does not continue the last signed one, of 1';
    expect([...(await ground.record.troubles(10))]).toEqual([['acme', reason]]);
    expect(ground.warnings).toEqual([
      { facts: { tenant: 'acme', reason }, message: 'the record of a tenant is not signed' },
    ]);
    expect(await ground.noted('acme')).toMatchObject({ size: 1 });
    expect(ground.kept.byOrigin.get(await origin('acme'))).toBe(fork);
  });

  it('signs again after a restart with the right note', async () => {
    await signedTwo();
    const right = ground.kept.byOrigin.get(await origin('acme')) as string;
    ground.kept.byOrigin.set(await origin('acme'), right.replace('\n1\n', '\n7\n'));
    await more();
    const notary = ground.start({ holder: 'node-2' });
    await until(async () => (await ground.record.troubles(10)).size > 0);
    expect([...(await ground.record.troubles(10)).values()]).toEqual([
      'the last note is not signed with the present key',
    ]);
    await notary.stop();
    ground.kept.byOrigin.set(await origin('acme'), right);
    ground.start({ holder: 'node-3' });
    await ground.signed();
    expect((await ground.record.troubles(10)).size).toBe(0);
    expect(await ground.noted('acme')).toMatchObject({ size: 2 });
  });

  it('stops for a tenant with a kept note of more entries than the log makes', async () => {
    await signedTwo();
    const beyond = new NoteSigner(sha256('the key')).sign(await origin('acme'), { size: 9, root: sha256('lost') });
    ground.kept.byOrigin.set(await origin('acme'), beyond);
    await more();
    ground.start({ holder: 'node-2' });
    await until(async () => (await ground.record.troubles(10)).size > 0);
    expect([...(await ground.record.troubles(10)).values()]).toEqual([
      'the last note is of 9 entries, and the log makes only 2',
    ]);
  });

  it('stops for all tenants with another signing key', async () => {
    await signedTwo();
    await more();
    ground.start({ holder: 'node-2', seed: 'another key' });
    await until(async () => (await ground.record.troubles(10)).size === 2);
    expect(await ground.noted('acme')).toMatchObject({ size: 1 });
  });

  it('does not sign a tree whose hashes were changed or removed in the store', async () => {
    await signedTwo();
    await more();
    const changed = Object.create(ground.record) as RecordStore;
    changed.tile = async (tenant, tile, width) => {
      const hashes = await ground.record.tile(tenant, tile, width);
      return tenant === 'acme' ? [sha256('changed'), ...hashes.slice(1)] : hashes.slice(0, 1);
    };
    ground.start({ holder: 'node-2', record: changed });
    await until(async () => (await ground.record.troubles(10)).size === 2);
    expect([...(await ground.record.troubles(10))]).toEqual([
      ['acme', 'the stored tree of 2 entries has other hashes'],
      ['b', 'hashes of the tree are missing'],
    ]);
  });

  it('does not sign the first tree of a tenant whose hashes are not those of its tiles', async () => {
    const changed = Object.create(ground.record) as RecordStore;
    changed.tile = async () => [sha256('changed')];
    await append('tenant-acme', event('TenantCreated', {}, {}, 'acme'));
    ground.start({ record: changed });
    await until(async () => (await ground.record.troubles(10)).size > 0);
    expect([...(await ground.record.troubles(10))]).toEqual([
      ['acme', 'the stored tree of 1 entries has other hashes'],
    ]);
    expect(await ground.noted('acme')).toBeUndefined();
  });

  /** A log whose events a reader gets in another form, or not at all. */
  function changedLog(change: (event: RecordedEvent) => RecordedEvent[]): MemoryEventLog {
    const { log } = ground;
    const changed = (events: readonly RecordedEvent[]) => events.flatMap(change);
    return Object.assign(Object.create(log), {
      readStream: async function* (...args: Parameters<typeof log.readStream>) {
        for await (const page of log.readStream(...args)) yield changed(page);
      },
      readAll: async function* (...args: Parameters<typeof log.readAll>) {
        for await (const page of log.readAll(...args)) yield { ...page, events: changed(page.events) };
      },
      subscribe: async function* (...args: Parameters<typeof log.subscribe>) {
        for await (const page of log.subscribe(...args)) yield { ...page, events: changed(page.events) };
      },
    });
  }

  it('stops the tree of a tenant whose tape lacks an event, and lets the others grow', async () => {
    const tape = [event('GenerationClaimed', {}, {}, 'acme'), event('AttemptEnded', {}, {}, 'acme')];
    const gapped = new NotaryGround(
      changedLog((each) => (each.stream === 'generation-g1' && each.revision === 0 ? [] : [each])),
    );
    await append('generation-g1', ...tape);
    await more();
    gapped.start();
    await until(async () => (await gapped.noted('b'))?.size === 1);
    await until(async () => (await gapped.record.troubles(10)).size > 0);
    expect([...(await gapped.record.troubles(10))]).toEqual([['acme', 'the log lacks event 0 of generation-g1']]);
    expect(await gapped.entries('acme')).toEqual([]);
    await more();
    await until(async () => (await gapped.noted('b'))?.size === 2);
    expect(await gapped.entries('acme')).toEqual([]);
    await gapped.stop();
  });

  const second = ({ stream, revision }: RecordedEvent) => stream === 'tenant-acme' && revision === 1;
  it.each([
    ['lacks an event', (each: RecordedEvent) => (second(each) ? [] : [each]), 'the log lacks event 1 of tenant-acme'],
    [
      'has an event of another tenant',
      (each: RecordedEvent) => (second(each) ? [{ ...each, tenant: 'b' }] : [each]),
      'the log lacks event 1 of tenant-acme',
    ],
    [
      'has a revision twice',
      (each: RecordedEvent) => (second(each) ? [{ ...each, revision: 0 }] : [each]),
      'the log has a second event 0 of tenant-acme',
    ],
    [
      'has an event whose names are too long for an entry',
      (each: RecordedEvent) => (second(each) ? [{ ...each, type: 'T'.repeat(3_000) }] : [each]),
      'the entry of event 1 of tenant-acme is longer than 2048 bytes',
    ],
  ])('stops the tree of a tenant whose stream %s, after the event before it', async (_fault, change, reason) => {
    const faulty = new NotaryGround(changedLog(change));
    await append('tenant-acme', event('TenantCreated', {}, {}, 'acme'));
    await more();
    await append('tenant-c', event('TenantCreated', {}, {}, 'c'));
    faulty.start();
    await until(async () => (await faulty.noted('c'))?.size === 1);
    await more();
    await append('tenant-c', event('ApiKeyIssued', {}, {}, 'c'));
    await until(async () => (await faulty.noted('c'))?.size === 2 && (await faulty.record.troubles(10)).size > 0);
    expect((await faulty.record.troubles(10)).get('acme')).toBe(reason);
    await until(async () => (await faulty.noted('acme'))?.size === 1);
    expect(faulty.health.failures).toEqual([]);
    const checked = (await faulty.check()).find(({ tenant }) => tenant === 'acme');
    expect(checked).toEqual({ tenant: 'acme', size: 1, stored: 1, signed: 1, mistakes: [reason] });
    await faulty.stop();
  });

  it('goes on behind a delta that is on no tape, because the log has it', async () => {
    ground.start();
    await append('conversation-c1', event('MessageSent', {}));
    await ground.signed();
    await append('conversation-c1', newDelta());
    await append('tenant-b', event('TenantCreated', {}, {}, 'b'));
    await until(async () => (await ground.noted('b'))?.size === 1);
    await append('conversation-c1', event('MessageSent', {}));
    await ground.signed();
    expect(await ground.noted()).toMatchObject({ size: 2 });
    expect((await ground.record.troubles(10)).size).toBe(0);
  });

  it('goes on for the others where the note of one tenant cannot be kept, and signs its tree once it can', async () => {
    const files = new Set([await origin('acme')]);
    const failing = Object.create(ground.kept) as MemoryNotes;
    failing.keep = async (name, note) => {
      if (files.has(name)) throw Object.assign(new Error('/secret/path'), { code: 'EACCES' });
      return ground.kept.keep(name, note);
    };
    ground.start({ kept: failing });
    await more();
    await append('tenant-b', event('ApiKeyIssued', {}, {}, 'b'));
    await until(async () => (await ground.noted('b'))?.size === 2 && (await ground.record.troubles(10)).size > 0);
    const reason = 'its last note cannot be read or kept outside the database: Error EACCES';
    expect([...(await ground.record.troubles(10))]).toEqual([['acme', reason]]);
    expect(await ground.noted('acme')).toBeUndefined();
    files.clear();
    await append('tenant-b', event('ApiKeyIssued', {}, {}, 'b'));
    await until(async () => (await ground.noted('acme'))?.size === 1);
    expect((await ground.record.troubles(10)).size).toBe(0);
  });

  it('fails and retries where no note can be kept at all', async () => {
    let isFull = true;
    const failing = Object.create(ground.kept) as MemoryNotes;
    failing.keep = async (...args) => {
      if (isFull) throw Object.assign(new Error('full'), { code: 'ENOSPC' });
      return ground.kept.keep(...args);
    };
    const notary = ground.start({ kept: failing });
    await more();
    await until(() => notary.state.is === 'failing');
    expect(notary.state).toEqual({ is: 'failing', reason: 'Error ENOSPC' });
    expect((await ground.record.troubles(10)).size).toBe(0);
    isFull = false;
    await ground.signed();
  });

  it('stops the tree of a tenant whose rows the store refuses, and lets the others grow', async () => {
    await signedTwo();
    const refusing = Object.create(ground.record) as RecordStore;
    refusing.write = (writer, step) => {
      const entries = step.entries.map((each) => (each.tenant === 'acme' ? { ...each, index: 0 } : each));
      return ground.record.write(writer, { ...step, entries });
    };
    refusing.publish = (...args) => ground.record.publish(...args);
    const [written] = [ground.written];
    await more();
    ground.start({ holder: 'node-2', record: refusing });
    await until(async () => (await ground.noted('b'))?.size === 2 && (await ground.record.troubles(10)).size > 0);
    expect([...(await ground.record.troubles(10))]).toEqual([['acme', 'entry 0 is stored already']]);
    expect(ground.warnings).toEqual([
      {
        facts: { tenant: 'acme', reason: 'entry 0 is stored already' },
        message: 'the record of a tenant does not grow any more',
      },
    ]);
    expect(ground.written - written).toBe(1);
    expect(ground.health.failures).toEqual([]);
  });

  it('waits with a tree that is being built again until it has reached its note', async () => {
    await signedTwo();
    await ground.record.forget('notary');
    ground.start({ holder: 'node-2' });
    await until(
      async () =>
        (await ground.record.load({ tenants: ['acme', 'b'], chains: [], owners: [], streams: [] })).trees.length === 2,
    );
    await more();
    await ground.signed();
    expect(ground.warnings).toEqual([]);
  });
});

describe('notaries of several processes', () => {
  it('let one work at a time, and another one go on when it stops', async () => {
    const first = ground.start({ holder: 'node-1' });
    const second = ground.start({ holder: 'node-2' });
    await append('tenant-default', event('TenantCreated', {}));
    await ground.signed();
    expect([first, second].map(({ state }) => state.is).sort()).toEqual(['recording', 'waiting']);
    await (first.state.is === 'recording' ? first : second).stop();
    await append('tenant-default', event('ApiKeyIssued', {}));
    await ground.signed();
    expect(await ground.check()).toEqual([{ tenant: 'default', size: 2, stored: 2, signed: 2, mistakes: [] }]);
  });

  it('retry after a failure of the store or of the notes outside it, without a gap', async () => {
    let failures = 6;
    const failing = Object.create(ground.record) as RecordStore;
    failing.write = async (...args) => {
      if (failures-- > 0 && failures % 2 === 0) throw new RetryableError('away');
      return ground.record.write(...args);
    };
    failing.publish = async (...args) => {
      if (failures-- > 0) throw new RetryableError('away');
      return ground.record.publish(...args);
    };
    ground.start({ record: failing });
    for (let nth = 0; nth < 5; nth++) {
      await append('conversation-c1', event('MessageSent', { nth }));
      await until(async () => (await ground.entries()).length === nth + 1);
    }
    await ground.signed();
    expect(await ground.check()).toEqual([{ tenant: 'default', size: 5, stored: 5, signed: 5, mistakes: [] }]);
  });

  it('report a step that fails without an outage until it succeeds', async () => {
    let isBroken = true;
    const broken = Object.create(ground.record) as RecordStore;
    broken.write = async (...args) => {
      if (isBroken) throw new TypeError('a duplicate key');
      return ground.record.write(...args);
    };
    broken.publish = (...args) => ground.record.publish(...args);
    const notary = ground.start({ record: broken });
    await append('conversation-c1', event('MessageSent', {}));
    // The state stays while the step is retried.
    const states = new Set<string>();
    await until(() => {
      if (notary.state.is === 'failing') states.add(notary.state.reason);
      else if (states.size > 0) states.add(notary.state.is);
      return ground.health.failures.length >= 3;
    });
    expect([...states]).toEqual(['TypeError']);
    isBroken = false;
    await ground.signed();
    await until(() => notary.state.is === 'recording');
  });

  it('do not report the failure of a step any more once another process records', async () => {
    const broken = Object.create(ground.record) as RecordStore;
    broken.write = async () => {
      throw new TypeError('a broken process');
    };
    const failing = ground.start({ record: broken });
    await append('conversation-c1', event('MessageSent', {}));
    await until(() => failing.state.is === 'failing');
    ground.start({ holder: 'node-2' });
    await ground.signed();
    await until(() => failing.state.is === 'waiting');
  });
});
