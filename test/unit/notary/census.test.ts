import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { systemIds } from '../../../src/adapters/system/system-ids.js';
import {
  type Census,
  type CountedChain,
  censusOf,
  chainWith,
  ownerKey,
  provenRange,
} from '../../../src/formats/record-1/census.js';
import { base64, leafHash } from '../../../src/formats/record-1/hashes.js';
import { CensusReader, type CompletenessProof, OwnersNotRecorded } from '../../../src/notary/census-reader.js';
import { type CensusParts, CensusTaker } from '../../../src/notary/census-taker.js';
import { NotInRecord, NotRecordedYet } from '../../../src/notary/record-reader.js';
import { SoleRounds } from '../../../src/notary/sole-rounds.js';
import { CENSUS } from '../../../src/ports/census.js';
import { recordLimits } from '../../../src/record-limits.js';
import { MemoryCensus } from '../../support/memory/memory-census.js';
import { MemoryHints } from '../../support/memory/memory-hints.js';
import { MemoryLeases } from '../../support/memory/memory-leases.js';
import { appendAtEnd, codec, wholeStream } from '../../support/new-events.js';
import { NotaryGround } from '../../support/notary-ground.js';
import { hurriedClock } from '../../support/relay-ground.js';
import { protectedEvent, TENANT } from '../../support/served-record.js';
import { until } from '../../support/until.js';

const STREAM = `compliance-${TENANT}`;
const DAY = recordLimits.censusEveryMs;
const never = new AbortController().signal;

let ground: NotaryGround;
let store: MemoryCensus;
let warnings: object[];
let now: number;
beforeEach(async () => {
  ground = new NotaryGround();
  store = new MemoryCensus(ground.record);
  warnings = [];
  now = Date.parse('2026-01-05T00:00:00.000Z');
  ground.start();
});
afterEach(() => ground.stop());

const takerWith = (parts: Partial<CensusParts> = {}) =>
  new CensusTaker({
    ...{ log: ground.log, codec, clock: { now: () => now }, ids: systemIds, record: ground.record, store },
    warn: (facts) => void warnings.push(facts),
    ...parts,
  });
const reader = () => new CensusReader({ census: store, record: ground.record, log: ground.log });

async function talk(conversation: string, owner = 'uada', count = 1): Promise<void> {
  const events = Array.from({ length: count }, () => protectedEvent('MessageSent', {}, conversation, owner));
  await appendAtEnd(ground.log, `conversation-${conversation}`, events);
  await ground.signed();
}

/** One round, as a process makes it each minute. */
async function round(taker = takerWith()): Promise<void> {
  await taker.round(never);
  await ground.signed();
}

const taken = async () => (await wholeStream(ground.log, STREAM)).map(({ data }) => JSON.parse(data));

/** From the entries, without the store. */
async function recomputed(size: number): Promise<Census> {
  const chains = new Map<string, CountedChain>();
  for (const { leaf } of (await ground.entries(TENANT)).slice(0, size)) {
    const entry = JSON.parse(leaf);
    chains.set(entry.chain, chainWith(chains.get(entry.chain), entry, leafHash(leaf)));
  }
  return censusOf(size, chains.values());
}

const shown = ({ size, count, root }: Census) => ({ size, count, root: base64(root) });

describe('the census of a tenant', () => {
  it('is taken when the first entry is a day old, over the signed entries', async () => {
    await talk('c1');
    await talk('c2', 'ubob', 3);
    now = Date.parse('2026-01-02T04:00:00.000Z');
    await round();
    expect(await taken()).toEqual([]);
    now += DAY;
    await round();
    expect(await taken()).toEqual([shown(await recomputed(4))]);
    const [event] = await wholeStream(ground.log, STREAM);
    expect(event).toMatchObject({ type: 'CensusTaken', tenant: TENANT, at: new Date(now).toISOString() });
    expect(JSON.parse(event?.meta ?? '')).toMatchObject({ actor: { id: 'verbatim', kind: 'service' } });
  });

  it('is taken again after a day if there is other news than itself', async () => {
    await talk('c1');
    await round();
    now += 3 * DAY;
    await round();
    await talk('c2');
    await round();
    expect((await taken()).map(({ size }) => size)).toEqual([1, 3]);
    await talk('c3');
    await round();
    now += DAY;
    await round();
    expect(await taken()).toHaveLength(2);
    now += 1;
    await round();
    await round();
    const sizes = (await taken()).map(({ size }) => size);
    expect(sizes).toEqual([1, 3, 5]);
    expect((await taken()).at(-1)).toEqual(shown(await recomputed(5)));
  });

  it('is taken once for a size by processes that look at once', async () => {
    for (let nth = 0; nth < 20; nth++) {
      await talk(`c${nth}`, `u${nth % 3}`, 2);
      now += 2 * DAY;
      await Promise.all([round(), round(), round()]);
      await round();
    }
    const sizes = (await taken()).map(({ size }) => size);
    expect(new Set(sizes).size).toBe(sizes.length);
    expect(sizes).toHaveLength(20);
    for (const census of await taken()) expect(census).toEqual(shown(await recomputed(census.size)));
  });

  it('is taken once, and proved, after a crash at any call of the store or of the log', async () => {
    await talk('c1');
    await talk('c2', 'ubob', 3);
    for (let crashes = 0; ; crashes++) {
      await talk(`c${crashes + 3}`);
      now += 2 * DAY;
      const before = (await taken()).length;
      let left = crashes;
      const dying = <T extends object>(port: T, isAfter: boolean): T =>
        new Proxy(port, {
          get: (target, name) => {
            const member = Reflect.get(target, name, target);
            if (typeof member !== 'function') return member;
            return (...args: unknown[]) => {
              const dies = left-- === 0;
              const run = () => Reflect.apply(member, target, args);
              if (!dies) return run();
              const fail = async () => {
                if (isAfter) await run();
                throw new Error('the process dies');
              };
              return name === 'readStream' ? run() : fail();
            };
          },
        });
      const isAfter = crashes % 2 === 1;
      const parts = { store: dying(store, isAfter), log: dying(ground.log, isAfter) };
      const died = await round(takerWith(parts)).then(
        () => false,
        () => true,
      );
      await round();
      const events = await taken();
      expect([crashes, events.length - before]).toEqual([crashes, 1]);
      expect(events.at(-1)).toEqual(shown(await recomputed(events.at(-1).size)));
      expect((await reader().last(TENANT)).size).toBe(events.at(-1).size);
      if (!died && crashes > 12) break;
    }
  });

  it('is counted again after its tables were emptied, and reported if the record makes another one', async () => {
    await talk('c1');
    await round();
    await talk('c2');
    const before = await reader().last(TENANT);
    store = new MemoryCensus(ground.record);
    await expect(reader().last(TENANT)).rejects.toThrow(NotRecordedYet);
    await round();
    expect(await reader().last(TENANT)).toEqual(before);
    expect([(await taken()).length, warnings]).toEqual([1, []]);

    store = new MemoryCensus(ground.record);
    const record = Object.assign(Object.create(ground.record), {
      entries: async (...args: Parameters<typeof ground.record.entries>) =>
        (await ground.record.entries(...args)).map((entry) => ({ ...entry, hash: leafHash('another') })),
    });
    const altered = takerWith({ record });
    await round(altered);
    await round(altered);
    expect(warnings).toEqual([{ tenant: TENANT, reason: expect.stringContaining('make another census') }]);
    await expect(reader().last(TENANT)).rejects.toThrow(NotRecordedYet);
  });

  it('waits while the record is being built again', async () => {
    await talk('c1', 'uada', 3);
    const record = Object.assign(Object.create(ground.record), { entries: async () => [] });
    await expect(round(takerWith({ record }))).rejects.toThrow('the record is being built again');
    const behind = Object.assign(Object.create(ground.record), { lastNote: async () => undefined });
    await round(takerWith({ record: behind }));
    expect(await taken()).toEqual([]);
  });

  it('is taken by the process that owns the work, for every tenant although one fails', async () => {
    const looked: string[] = [];
    const taker = takerWith({ store: Object.assign(Object.create(store), { due: async () => ['a', 'b', 'c'] }) });
    taker.look = async (tenant: string) => {
      looked.push(tenant);
      if (tenant === 'b') throw new Error('of this tenant');
    };
    const parts = {
      ...{ leases: new MemoryLeases(hurriedClock), clock: hurriedClock, health: ground.health },
      ...{ hints: new MemoryHints(), holder: 'node-1', leaseMs: 15_000 },
    };
    const rounds = { name: CENSUS, pauseMs: 10, round: (over: AbortSignal) => taker.round(over) };
    const work = new SoleRounds(rounds, parts);
    work.start();
    await until(() => looked.length >= 6);
    await work.stop();
    expect(looked.slice(0, 6)).toEqual(['a', 'b', 'c', 'a', 'b', 'c']);
    expect(ground.health.failures.length).toBeGreaterThan(0);
  });
});

describe('a proof of completeness', () => {
  const proven = (proof: CompletenessProof, prefix: Buffer) => {
    const hash = (text: string) => Buffer.from(text, 'base64');
    const blind = (leaf: CompletenessProof['before']) => leaf && { key: hash(leaf.key), text: hash(leaf.text) };
    const chains = proof.chains.map((text) => ({ ...JSON.parse(text), head: hash(JSON.parse(text).head) }));
    const { size, count, from } = proof;
    return provenRange(
      { size, count, root: hash(proof.root) },
      { from, chains, before: blind(proof.before), after: blind(proof.after), path: proof.path.map(hash) },
      prefix,
    );
  };
  const whole = { isFirst: true, isLast: true };
  const namesIn = ({ chains }: CompletenessProof) => chains.map((text) => JSON.parse(text).chain).sort();

  it('shows all conversations of an owner, one conversation, and all chains of the tenant', async () => {
    for (const nth of [1, 2, 3, 4, 5]) await talk(`c${nth}`, nth % 2 ? 'uada' : 'ubob', nth);
    await round();
    const ada = await reader().proof(TENANT, { owner: 'uada' });
    expect(namesIn(ada)).toEqual(['conversation-c1', 'conversation-c3', 'conversation-c5']);
    expect([proven(ada, ownerKey('uada')), ada.next]).toEqual([whole, null]);
    const none = await reader().proof(TENANT, { owner: 'ueve' });
    expect([namesIn(none), proven(none, ownerKey('ueve'))]).toEqual([[], whole]);
    const one = await reader().proof(TENANT, { conversation: 'c2' });
    expect([namesIn(one), proven(one, ownerKey('ubob'))]).toEqual([['conversation-c2'], expect.anything()]);
    const all = await reader().proof(TENANT, 'all');
    expect([all.chains.length, all.before, all.after, proven(all, Buffer.alloc(0))]).toEqual([5, null, null, whole]);
    await expect(reader().proof(TENANT, { conversation: 'c9' })).rejects.toThrow(NotInRecord);
    await expect(reader().proof(TENANT, { owner: 'uada' }, 9)).rejects.toThrow(NotInRecord);
  });

  it('is refused for an owner while no chain has one, and given as soon as one chain has', async () => {
    const { meta, ...event } = protectedEvent('MessageSent', {}, 'c1');
    await appendAtEnd(ground.log, 'conversation-c1', [{ ...event, meta: '{}' }]);
    await ground.signed();
    await round();
    expect(JSON.parse((await ground.entries(TENANT))[0]?.leaf ?? '')).toMatchObject({ owner: null });
    await expect(reader().proof(TENANT, { owner: 'uada' })).rejects.toThrow(OwnersNotRecorded);
    expect(namesIn(await reader().proof(TENANT, 'all'))).toEqual(['conversation-c1']);
    expect(namesIn(await reader().proof(TENANT, { conversation: 'c1' }))).toEqual(['conversation-c1']);

    await talk('c2', 'ubob');
    now += 3 * DAY;
    await round();
    const none = await reader().proof(TENANT, { owner: 'uada' });
    expect([namesIn(none), proven(none, ownerKey('uada'))]).toEqual([[], whole]);
    expect(namesIn(await reader().proof(TENANT, { owner: 'ubob' }))).toEqual(['conversation-c2']);
  });

  it('reveals neither the owner nor the conversation of a neighbour', async () => {
    for (const nth of [1, 2, 3, 4, 5, 6]) await talk(`c${nth}`, `u${nth}`);
    await round();
    for (const nth of [1, 2, 3, 4, 5, 6]) {
      const { chains, ...rest } = await reader().proof(TENANT, { owner: `u${nth}` });
      expect([chains.length, JSON.stringify(rest).match(/conversation-|c\d"|"u\d/)]).toEqual([1, null]);
      expect([rest.before, rest.after].filter((leaf) => leaf !== null).length).toBeGreaterThan(0);
    }
  });

  it('comes in parts that are proofs of their own, and together are whole', async () => {
    const count = recordLimits.censusProofChainsMax + 40;
    const events = Array.from({ length: count }, (_, nth) => protectedEvent('MessageSent', {}, `c${nth}`, 'uada'));
    await appendAtEnd(ground.log, 'conversation-import', events);
    await talk('other', 'ubob');
    await round();
    const first = await reader().proof(TENANT, { owner: 'uada' });
    const second = await reader().proof(TENANT, { owner: 'uada' }, first.next ?? 0);
    expect([first.chains.length, second.chains.length, second.next]).toEqual([500, 40, null]);
    expect(second.from).toBe(first.from + 500);
    expect(proven(first, ownerKey('uada'))).toEqual({ isFirst: true, isLast: false });
    expect(proven(second, ownerKey('uada'))).toEqual({ isFirst: false, isLast: true });
    expect(new Set([...namesIn(first), ...namesIn(second)]).size).toBe(count);
  });

  it('is not given before the census is signed, nor while the next one is counted', async () => {
    await talk('c1');
    await expect(reader().proof(TENANT, 'all')).rejects.toThrow(NotRecordedYet);
    await round();
    await store.count(TENANT, { from: 1, to: 2, chains: [], since: '2026-01-02T00:00:00.000Z' });
    await expect(reader().proof(TENANT, 'all')).rejects.toThrow(NotRecordedYet);
  });
});
