import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { systemIds } from '../../src/adapters/system/system-ids.js';
import { Looks } from '../../src/commands/looks.js';
import { type Position, START } from '../../src/events/envelope.js';
import { limits } from '../../src/limits.js';
import {
  type Build,
  type BuildState,
  type RowChange,
  SearchUnbounded,
  type Step,
} from '../../src/ports/read-models/read-models.js';
import type { Table } from '../../src/ports/read-models/table.js';
import { access as accessList } from '../../src/projections/access/projection.js';
import { projections } from '../../src/projections/all.js';
import { conversations as conversationList } from '../../src/projections/conversations/projection.js';
import { type MessageRow, nodeKey } from '../../src/projections/messages/rows.js';
import { runs as runList } from '../../src/projections/runs/projection.js';
import { usage as usageList } from '../../src/projections/usage/projection.js';
import { askedTable } from '../../src/projections/usage/rows.js';
import { ChatLog } from '../support/chat-log.js';
import { leastHold } from '../support/longest-hold.js';
import { ManualClock } from '../support/manual-clock.js';
import { MemoryEventLog } from '../support/memory/memory-event-log.js';
import { codec } from '../support/new-events.js';
import { type ReadModelStores, startProjecting } from '../support/projecting.js';

export interface OpenedStores extends ReadModelStores {
  destroy(): Promise<void>;
}

const at = (nth: number) => String(nth).padStart(19, '0') as Position;
const shapes = projections;
const usageShape = shapes.find(({ name }) => name === 'usage') as (typeof shapes)[number];
type AskedRow = typeof askedTable extends Table<infer Row> ? Row : never;
const asked = (key: string, model: string): RowChange => ({ table: askedTable, key, row: { model } });

/** Builds, lanes and rows, and what is asked of them, on any engine. */
export function readModelsContract(engine: string, createStores: () => Promise<OpenedStores>): void {
  describe(`read models on ${engine}`, () => {
    let stores: OpenedStores;
    beforeEach(async () => {
      stores = await createStores();
    });
    afterEach(() => stores.destroy());

    async function buildOf(projection: string, state = 'live'): Promise<Build> {
      const builds = await stores.builds.list();
      return builds.find((each) => each.projection === projection && each.state === state) as Build;
    }
    const listed = async () => (await stores.builds.list())[0] as BuildState;
    const step = (from: Position, to: Position, changes: readonly RowChange[] = []): Step => ({
      ...{ from, to, changes },
      handled: Number(to),
    });
    const loaded = async (build: Build, ...keys: string[]): Promise<(AskedRow | undefined)[]> => {
      const found = await stores.lanes.load(
        build,
        keys.map((key) => ({ table: askedTable, key })),
      );
      return keys.map((key) => found.find((row) => row.key === key)?.row as AskedRow | undefined);
    };

    describe('builds', () => {
      it('are made once, however many ask for them together, and each is live from its beginning', async () => {
        await Promise.all([1, 2, 3].map(() => stores.builds.prepare(shapes)));
        await stores.builds.prepare(shapes);
        const standing = await stores.builds.list();
        expect(standing.map(({ projection, build, state }) => [projection, build, state])).toEqual(
          projections.map(({ name }) => [name, 1, 'live']),
        );
        expect(standing[0]).toMatchObject({ position: START, handled: 0, poison: null });
      });

      it('of an older version get a new one beside them', async () => {
        await stores.builds.prepare([usageShape]);
        await stores.builds.prepare([{ ...usageShape, version: 99 }]);
        await stores.builds.prepare([{ ...usageShape, version: 99 }]);
        const standing = await stores.builds.list();
        expect(standing.map(({ build, state }) => [build, state])).toEqual([
          [1, 'live'],
          [2, 'building'],
        ]);
      });

      it('are begun one at a time', async () => {
        await stores.builds.prepare([usageShape]);
        expect(await Promise.all([1, 2].map(() => stores.builds.begin(usageShape)))).toEqual(
          expect.arrayContaining([true, false]),
        );
        expect(await stores.builds.list()).toHaveLength(2);
      });

      it('of a newer version prevent an older one, until they are abandoned', async () => {
        await stores.builds.prepare([usageShape]);
        await stores.builds.prepare([{ ...usageShape, version: 99 }]);
        const next = await buildOf('usage', 'building');
        expect(await stores.builds.begin(usageShape)).toBe(false);
        expect(await stores.builds.begin(usageShape, [next])).toBe(true);
        expect(await stores.lanes.open(next, 1)).toBeUndefined();
        expect(await stores.builds.begin(usageShape, [next])).toBe(false);
        expect((await stores.builds.list()).map(({ build, version, state }) => [build, version, state])).toEqual([
          [1, usageShape.version, 'live'],
          [3, usageShape.version, 'building'],
        ]);
      });

      it('take the place of the live one once they have come as far, and not before', async () => {
        await stores.builds.prepare([usageShape]);
        const live = await buildOf('usage');
        await stores.lanes.open(live, 1);
        await stores.lanes.commit(live, 1, step(START, at(5), [asked('g1', 'old')]));
        await stores.builds.begin(usageShape);
        const next = await buildOf('usage', 'building');
        await stores.lanes.open(next, 1);
        await stores.lanes.commit(next, 1, step(START, at(4), [asked('g1', 'new')]));
        expect(await stores.builds.swap(next)).toBe('behind');
        await stores.lanes.commit(next, 1, step(at(4), at(5)));
        expect(await stores.builds.swap(next)).toBe('swapped');
        expect((await stores.builds.list()).map(({ build, state }) => [build, state])).toEqual([[2, 'live']]);
        // Whoever still works on the old one is told to stop.
        expect(await stores.lanes.commit(live, 1, step(at(5), at(6)))).toBe(false);
        expect(await stores.lanes.open(live, 2)).toBeUndefined();
      });
    });

    describe('a lane', () => {
      let build: Build;
      beforeEach(async () => {
        await stores.builds.prepare([usageShape]);
        build = await buildOf('usage');
      });

      it('writes rows and checkpoint together, and reads both again', async () => {
        expect(await stores.lanes.open(build, 1)).toEqual({ position: START, handled: 0, parked: new Set() });
        const changes = [asked('g1', 'a'), asked('g2', 'b')];
        expect(await stores.lanes.commit(build, 1, step(START, at(2), changes))).toBe(true);
        const later: RowChange[] = [asked('g1', 'c'), { table: askedTable, key: 'g2', row: null }, asked('g3', 'd')];
        expect(await stores.lanes.commit(build, 1, step(at(2), at(7), later))).toBe(true);
        expect(await stores.lanes.open(build, 2)).toMatchObject({ position: at(7), handled: 7 });
        expect(await loaded(build, 'g1', 'g2', 'g3', 'g4')).toEqual([
          { model: 'c' },
          undefined,
          { model: 'd' },
          undefined,
        ]);
      });

      it('is refused when it has a later owner, or when its checkpoint is not the expected one', async () => {
        await stores.lanes.open(build, 1);
        await stores.lanes.open(build, 2);
        expect(await stores.lanes.open(build, 1)).toBeUndefined();
        expect(await stores.lanes.commit(build, 1, step(START, at(1), [asked('g1', 'late')]))).toBe(false);
        expect(await stores.lanes.commit(build, 2, step(at(3), at(4), [asked('g1', 'elsewhere')]))).toBe(false);
        expect(await loaded(build, 'g1')).toEqual([undefined]);
        expect(await stores.lanes.open(build, 2)).toMatchObject({ position: START });
      });

      it('reports why it has stopped, until it continues', async () => {
        await stores.lanes.open(build, 2);
        const poison = {
          reason: 'unreadable',
          event: { id: 'e', stream: 's-1', revision: 3, type: 'MessageSent', position: at(4) },
        };
        await stores.lanes.report(build, 1, { reason: 'of an earlier owner' });
        expect((await listed()).poison).toBeNull();
        await stores.lanes.report(build, 2, poison);
        expect((await listed()).poison).toEqual(poison);
        await stores.lanes.report(build, 2, null);
        expect((await listed()).poison).toBeNull();
      });

      it('parks streams, gets the requests to replay them, and unparks them', async () => {
        await stores.lanes.open(build, 1);
        const parked = { stream: 'conversation-1', poison: { reason: 'damaged' }, at: '2026-01-01T00:00:00.000Z' };
        await stores.lanes.commit(build, 1, { ...step(START, at(1)), parked });
        expect((await listed()).parked).toEqual([{ ...parked, replaying: false }]);
        expect((await stores.lanes.open(build, 1))?.parked).toEqual(new Set(['conversation-1']));
        expect(await stores.lanes.toReplay(build)).toEqual([]);
        expect(await stores.builds.replay('usage', 'conversation-2')).toBe(false);
        expect(await stores.builds.replay('usage', 'conversation-1')).toBe(true);
        expect(await stores.lanes.toReplay(build)).toEqual(['conversation-1']);
        expect((await listed()).parked).toMatchObject([{ replaying: true }]);
        await stores.lanes.commit(build, 1, { ...step(at(1), at(1)), parked });
        expect((await listed()).parked).toEqual([{ ...parked, replaying: false }]);
        await stores.lanes.commit(build, 1, { ...step(at(1), at(1)), unparked: 'conversation-1' });
        expect((await listed()).parked).toEqual([]);
      });

      it('gets all parked streams to replay, the oldest first, and no more at once than its bound', async () => {
        await stores.lanes.open(build, 1);
        expect(await stores.builds.replayAll('usage')).toBe(0);
        const streams = Array.from({ length: limits.replayStreamsMax + 1 }, (_, nth) => `conversation-${nth + 1000}`);
        let position = START;
        for (const [nth, stream] of streams.entries()) {
          const time = new Date(Date.UTC(2026, 0, 1, 0, 0, nth)).toISOString();
          const parked = { stream, poison: { reason: 'damaged' }, at: time };
          await stores.lanes.commit(build, 1, { ...step(position, at(nth + 1)), parked });
          position = at(nth + 1);
        }
        expect(await stores.builds.replayAll('runs')).toBe(0);
        expect(await stores.lanes.toReplay(build)).toEqual([]);
        expect(await stores.builds.replayAll('usage')).toBe(streams.length);
        expect(await stores.lanes.toReplay(build)).toEqual(streams.slice(0, limits.replayStreamsMax));
      });
    });

    describe('queries', () => {
      const log = () => new MemoryEventLog();
      const mine = { tenant: 'default', owner: 'ada' };

      async function brought(events: MemoryEventLog): Promise<void> {
        const projecting = await startProjecting(events, stores);
        await projecting.caughtUp();
        await projecting.stop();
        expect(projecting.warnings).toEqual([]);
      }

      it('a conversation is read at one moment: head, path, page and bounds', async () => {
        const events = log();
        const chat = await new ChatLog(events).started('T', 'Be brief.');
        await chat.turn('1', ['Hello']);
        await chat.sent('m2', 'two', { parent: 'g1' });
        await chat.sent('n1', 'aside', { parent: 'g1', kind: 'note' });
        await chat.sent('m3', 'three', { parent: 'g1', revises: 'm2' });
        await brought(events);
        const ask = { conversation: chat.id, nodesMax: 10, charactersMax: 1_000 };
        const tree = await stores.views.messages.tree(ask);
        expect(tree).toMatchObject({ systemText: 'Be brief.', path: ['m1', 'g1', 'm3'], more: false });
        expect(tree?.head).toMatchObject({ title: 'T', seen: 8, leaf: 'm3', open: null });
        expect(tree?.nodes.map(({ id }) => id)).toEqual(['m1', 'g1', 'm2', 'n1', 'm3']);
        expect(await stores.views.messages.tree({ ...ask, nodesMax: 2 })).toMatchObject({
          nodes: [{ id: 'n1' }, { id: 'm3' }],
          more: true,
        });
        // Of text no more than that, but never less than one node.
        expect((await stores.views.messages.tree({ ...ask, charactersMax: 9 }))?.nodes.map(({ id }) => id)).toEqual([
          'm3',
        ]);
        expect((await stores.views.messages.tree({ ...ask, charactersMax: 1 }))?.nodes.map(({ id }) => id)).toEqual([
          'm3',
        ]);
        const branch = await stores.views.messages.tree({ ...ask, leaf: 'm2', before: 'm2' });
        expect(branch).toMatchObject({ leaf: 'message', before: 'message', path: ['m1', 'g1', 'm2'] });
        expect(branch?.nodes.map(({ id }) => id)).toEqual(['m1', 'g1']);
        expect(await stores.views.messages.tree({ ...ask, leaf: 'n1', before: 'x' })).toMatchObject({ leaf: 'note' });
        expect((await stores.views.messages.tree({ ...ask, before: 'x' }))?.before).toBeNull();
        expect(await stores.views.messages.tree({ ...ask, conversation: 'nobody' })).toBeUndefined();
      });

      it('texts that PostgreSQL cannot store as text are returned unchanged', async () => {
        const events = log();
        const odd = 'a\0b \ud83d c 😀 "quoted" \\ \u2028';
        const chat = await new ChatLog(events).started(odd, odd);
        await chat.sent('m1', odd);
        await brought(events);
        const tree = await stores.views.messages.tree({ conversation: chat.id, nodesMax: 10, charactersMax: 1_000 });
        expect([tree?.head.title, tree?.systemText, (tree?.nodes[0] as MessageRow | undefined)?.text]).toEqual([
          odd,
          odd,
          odd,
        ]);
        const [listed] = await stores.views.conversations.list({ scope: mine, archived: false, rowsMax: 9 });
        expect([listed?.title, listed?.lastMessage]).toEqual([odd, odd]);
        const found = await stores.views.conversations.list({
          scope: mine,
          archived: false,
          words: 'quoted',
          rowsMax: 9,
        });
        expect(found).toHaveLength(1);
        expect(nodeKey(chat.id, 'm1')).toBe(`${chat.id}/m1`);
      });

      it('conversations are listed newest first, in pages, to those who may see them', async () => {
        const events = log();
        const chats: ChatLog[] = [];
        for (let nth = 0; nth < 5; nth++) {
          const chat = await new ChatLog(events).started(`chat ${nth}`);
          for (let more = 0; more < nth; more++) await chat.sent(`m${nth}-${more}`, `said ${more}`);
          chats.push(chat);
        }
        const archived = await new ChatLog(events).started('old');
        await archived.ledger({ type: 'ConversationArchived', data: {} });
        const others = await new ChatLog(events, undefined, { tenant: 'default', owner: 'bob' }).started();
        const foreign = await new ChatLog(events, undefined, { tenant: 'acme', owner: 'ada' }).started();
        await brought(events);
        const list = async (asked: object) =>
          (await stores.views.conversations.list({ scope: mine, archived: false, rowsMax: 9, ...asked })).map(
            ({ id }) => id,
          );
        const newest = chats.map(({ id }) => id).reverse();
        expect(await list({})).toEqual(newest);
        const [first] = await stores.views.conversations.list({ scope: mine, archived: false, rowsMax: 1 });
        expect(first).toMatchObject({ title: 'chat 4', messages: 4, lastMessage: 'said 3' });
        const end = { at: first?.updatedAt, id: first?.id };
        expect(await list({ before: end, rowsMax: 2 })).toEqual(newest.slice(1, 3));
        expect(await list({ archived: true })).toEqual([archived.id]);
        expect((await list({ scope: { tenant: 'default' } })).sort()).toEqual([...newest, others.id].sort());
        expect(await list({ scope: { tenant: 'acme' } })).toEqual([foreign.id]);
        expect(await list({ scope: { tenant: 'nobody' } })).toEqual([]);
      });

      it('a list says how far it has come in a conversation, and whether the open generation was claimed', async () => {
        const events = log();
        const [ended, waiting, claimed] = [new ChatLog(events), new ChatLog(events), new ChatLog(events)];
        await (await ended.started()).turn('1', ['Hello']);
        for (const chat of [waiting, claimed]) {
          await (await chat.started()).sent('m1', 'Hi');
          await chat.asked('g1', 'm1');
        }
        await claimed.claimed('g1');
        await brought(events);
        for (const list of [conversationList, runList]) {
          const covered = await stores.views.covered(list, [ended.id, waiting.id, claimed.id, 'nobody']);
          expect(Object.fromEntries(covered)).toEqual({
            [ended.id]: { seen: 5, isClaimed: false },
            [waiting.id]: { seen: 4, isClaimed: false },
            [claimed.id]: { seen: 4, isClaimed: true },
          });
        }
      });

      it('sums of usage say how far they have come in a conversation, and show no claims', async () => {
        const events = log();
        const [ended, renamed] = [new ChatLog(events), new ChatLog(events)];
        await (await ended.started()).turn('1', ['Hello']);
        await (await renamed.started()).ledger({ type: 'ConversationRenamed', data: { title: 'x' } });
        await brought(events);
        expect(Object.fromEntries(await stores.views.covered(usageList, [ended.id, renamed.id, 'nobody']))).toEqual({
          [ended.id]: { seen: 5, isClaimed: true },
          [renamed.id]: { seen: 2, isClaimed: true },
        });
      });

      it('words find the conversations and runs in which they were said, whatever is written around them', async () => {
        const events = log();
        const chat = await new ChatLog(events).started();
        await chat.sent('m1', 'How tall is the Eiffel tower?');
        await chat.asked('g1', 'm1');
        await chat.claimed('g1');
        await chat.delta('g1', 'It is three hundred and thirty metres high.');
        await chat.attemptEnded('g1');
        await chat.finalized('g1');
        const other = await new ChatLog(events, undefined, { tenant: 'acme', owner: 'ada' }).started();
        await other.sent('m1', 'tower');
        await brought(events);
        const conversations = async (words: string, scope: object = mine) =>
          (await stores.views.conversations.list({ scope: scope as never, archived: false, words, rowsMax: 9 })).map(
            ({ id }) => id,
          );
        const runs = async (words: string) =>
          (await stores.views.runs.list({ scope: mine, words, rowsMax: 9 })).map(({ id }) => id);
        for (const words of ['eiffel', 'TOWER tall', 'metres', '"hundred']) {
          expect([words, await conversations(words), await runs(words)]).toEqual([words, [chat.id], ['g1']]);
        }
        for (const words of ['moon', '', '   ', '&|!()<->:*', "'';--", '"'.repeat(99)]) {
          expect([words, await conversations(words), await runs(words)]).toEqual([words, [], []]);
        }
        expect(await conversations('tower', { tenant: 'acme' })).toEqual([other.id]);
        const titled = await new ChatLog(events).started('Harbour lights');
        await brought(events);
        expect([await conversations('lights'), await runs('lights')]).toEqual([[titled.id], []]);
        await titled.ledger({ type: 'ConversationRenamed', data: { title: 'Quay' } });
        await brought(events);
        expect([await conversations('lights'), await conversations('quay')]).toEqual([[], [titled.id]]);
        expect(await conversations('quay', { tenant: 'default', owner: 'bob' })).toEqual([]);
        expect(await conversations('quay', { tenant: 'default' })).toEqual([titled.id]);
        for (const words of ['-zzz', '-zzz -moon']) {
          await expect(conversations(words)).rejects.toBeInstanceOf(SearchUnbounded);
          await expect(runs(words)).rejects.toBeInstanceOf(SearchUnbounded);
        }
      });

      it.each(['-a'.repeat(26), '- '.repeat(26), '"-'.repeat(26), 'or '.repeat(17), '\t'.repeat(51)])(
        'a search for %j and a word holds the event loop for less than 50 ms',
        async (words) => {
          await brought(log());
          const question = { scope: mine, words: `${words} b`, archived: false, rowsMax: 9 };
          const unlessUnbounded = (error: unknown) => {
            if (!(error instanceof SearchUnbounded)) throw error;
          };
          const search = () => stores.views.conversations.list(question).catch(unlessUnbounded);
          expect(await leastHold(50, search)).toBeLessThan(50);
        },
      );

      it('a word of any length parks no conversation, and a search for it fails in no list', async () => {
        const events = log();
        const ids = new Map<string, string>();
        for (const bytes of [2034, 2035, 2046, 2047]) {
          const chat = await new ChatLog(events).started();
          const word = 'a'.repeat(bytes);
          await chat.sent(`m${bytes}`, `beside ${word}`);
          ids.set(word, chat.id);
        }
        await brought(events);
        expect((await stores.builds.list()).flatMap(({ parked }) => parked)).toEqual([]);
        const found = async (words: string) =>
          (await stores.views.conversations.list({ scope: mine, archived: false, words, rowsMax: 9 })).map(
            ({ id }) => id,
          );
        expect((await found('beside')).sort()).toEqual([...ids.values()].sort());
        expect(await found('a'.repeat(2034))).toEqual([ids.get('a'.repeat(2034))]);
        // An engine may leave a word of more bytes out of its index; it must not find another word instead.
        for (const [word, id] of ids) {
          expect([[], [id]]).toContainEqual(await found(word));
          expect(await stores.views.runs.list({ scope: mine, words: word, rowsMax: 9 })).toEqual([]);
        }
        expect(await found('中'.repeat(680))).toEqual([]);
      });

      it('runs are filtered by all that they are, newest first', async () => {
        const events = log();
        const chat = await new ChatLog(events).started();
        await chat.turn('1', ['Hello']);
        await chat.requested('g2', 'm1', 'g1');
        await chat.assembled('g2');
        await chat.claimed('g2');
        await chat.requested('g3', 'm1');
        const foreign = await new ChatLog(events, undefined, { tenant: 'acme', owner: 'ada' }).started();
        await foreign.turn('f', ['x']);
        await brought(events);
        const list = async (asked: object) =>
          (await stores.views.runs.list({ scope: mine, rowsMax: 9, ...asked })).map(({ id }) => id);
        expect(await list({})).toEqual(['g3', 'g2', 'g1']);
        const [third, second, first] = await stores.views.runs.list({ scope: mine, rowsMax: 9 });
        expect(first).toMatchObject({
          status: 'final',
          usage: { promptTokens: 3 },
          cost: { amount: '0.001' },
          attempt: 1,
        });
        expect(second).toMatchObject({
          status: 'streaming',
          lineage: ['g1', 'g2'],
          regenerates: 'g1',
          model: 'demo-small',
        });
        expect(third).toMatchObject({ status: 'queued', model: null, attempt: null });
        expect(await list({ status: 'streaming' })).toEqual(['g2']);
        expect(await list({ model: 'demo-small' })).toEqual(['g2', 'g1']);
        expect(await list({ user: 'ada' })).toHaveLength(3);
        expect(await list({ user: 'bob' })).toEqual([]);
        expect(await list({ conversation: foreign.id })).toEqual([]);
        expect(await list({ from: second?.requestedAt })).toEqual(['g3', 'g2']);
        expect(await list({ to: second?.requestedAt })).toEqual(['g1']);
        expect(await list({ before: { at: second?.requestedAt, id: 'g2' } })).toEqual(['g1']);
      });

      it('usage is summed by day, user and model, exactly, and what is unknown is counted apart', async () => {
        const events = log();
        const chat = await new ChatLog(events).started();
        const end = async (name: string, finalized: object) => {
          await chat.sent(`m${name}`, name);
          await chat.asked(`g${name}`, `m${name}`);
          await chat.claimed(`g${name}`);
          await chat.attemptEnded(`g${name}`);
          await chat.finalized(`g${name}`, finalized);
        };
        await end('1', { cost: { amount: '0.1', currency: 'USD', priceList: 'p' } });
        await end('2', { cost: { amount: '0.0000002', currency: 'USD', priceList: 'p' } });
        await end('3', { usage: null, cost: null });
        const bob = new ChatLog(events, undefined, { tenant: 'default', owner: 'bob' });
        await (await bob.started()).turn('b', ['x']);
        await (await new ChatLog(events, undefined, { tenant: 'acme', owner: 'ada' }).started()).turn('f', ['x']);
        // Never claimed: nothing was used.
        await chat.sent('m9', 'nine');
        await chat.requested('g9', 'm9');
        await chat.finalized('g9', { status: 'cancelled', usage: null, cost: null });
        await brought(events);
        const sum = (by: 'day' | 'user' | 'model', scope: object = { tenant: 'default' }, days = {}) =>
          stores.views.usage.sums({ by, scope: scope as never, ...days });
        const tokens = { promptTokens: 6, completionTokens: 4, totalTokens: 10 };
        const ada = { of: 'ada', runs: 3, unknownUsage: 1, ...tokens, unknownCost: 1, costs: { USD: '0.1000002' } };
        expect((await sum('user'))[0]).toEqual(ada);
        expect((await sum('user')).map(({ of }) => of)).toEqual(['ada', 'bob']);
        expect(await sum('model', mine)).toEqual([{ ...ada, of: 'demo-small' }]);
        expect(await sum('day', mine)).toEqual([{ ...ada, of: '2026-01-01' }]);
        expect(await sum('day', mine, { from: '2026-01-02' })).toEqual([]);
        expect(await sum('day', mine, { to: '2026-01-01' })).toEqual([]);
        expect(await sum('day', { tenant: 'nobody' })).toEqual([]);
      });

      it('looks are filtered by actor, owner, object and time, newest first, in their tenant alone', async () => {
        const events = log();
        const clock = new ManualClock();
        const looks = new Looks({ log: events, codec, clock, ids: systemIds });
        const by = (user: string, tenant = 'default') => ({
          ...{ tenant, traceId: 'trace', via: { kind: 'key', id: `key of ${user}` } },
          actor: { id: user, kind: 'user' },
        });
        const chatOf = (id: string) => ({ kind: 'conversation', id }) as const;
        const runIn = (run: string, chat: string) => [{ kind: 'run', id: run }, chatOf(chat)] as const;
        const record = async (...look: Parameters<Looks['record']>) => {
          await looks.record(...look);
          await clock.pass(1_000);
        };
        await record(by('eve'), { what: 'conversation', objects: [chatOf('c1')], owner: 'ada', purpose: 'case 17' });
        await record(by('eve'), { what: 'run', objects: runIn('g1', 'c1'), owner: 'ada' });
        await record(by('mallory'), { what: 'run', objects: runIn('g2', 'c2'), owner: 'bob' });
        const filters = { q: '\0 half \ud800', model: 'm' };
        await record(by('eve'), { what: 'runs', objects: [{ kind: 'runs', id: 'default' }], filters });
        await record(by('eve', 'acme'), { what: 'conversation', objects: [chatOf('c1')], owner: 'ada' });
        await brought(events);
        const rows = async (asked: object = {}) =>
          stores.views.access.list({ tenant: 'default', rowsMax: 9, ...asked });
        const whats = async (asked: object = {}) =>
          (await rows(asked)).map(({ what, objects }) => `${what} ${objects.map(({ id }) => id).join(' ')}`);
        const [list, other, run, chat] = ['runs default', 'run g2 c2', 'run g1 c1', 'conversation c1'];
        expect(await whats()).toEqual([list, other, run, chat]);
        expect(await whats({ actor: 'eve' })).toEqual([list, run, chat]);
        expect(await whats({ owner: 'ada' })).toEqual([run, chat]);
        expect(await whats({ object: 'c1' })).toEqual([run, chat]);
        expect(await whats({ object: 'g1' })).toEqual([run]);
        expect(await whats({ object: 'c1', owner: 'bob' })).toEqual([]);
        expect(await whats({ object: 'c1', rowsMax: 1 })).toEqual([run]);
        expect(await whats({ tenant: 'acme' })).toEqual([chat]);
        const [first, second] = await rows();
        expect(await whats({ from: second?.at })).toEqual([list, other]);
        expect(await whats({ to: second?.at })).toEqual([run, chat]);
        expect(await whats({ before: second })).toEqual([run, chat]);
        expect(await whats({ before: second, object: 'c1', rowsMax: 1 })).toEqual([run]);
        expect(first).toMatchObject({ filters, owner: null, purpose: null });
        expect((await rows({ owner: 'ada' }))[1]).toEqual({
          ...{ id: expect.any(String), tenant: 'default', at: '2026-01-01T00:00:00.000Z', what: 'conversation' },
          ...{ actor: { id: 'eve', kind: 'user' }, via: { kind: 'key', id: 'key of eve' }, owner: 'ada' },
          ...{ objects: [chatOf('c1')], filters: null, purpose: 'case 17' },
        });
        const { stream, revision } = looks.lastIn('default') ?? { stream: '', revision: 0 };
        expect(await stores.views.covered(accessList, [stream])).toEqual(
          new Map([[stream, { seen: revision + 1, isClaimed: true }]]),
        );
      });
    });
  });
}
