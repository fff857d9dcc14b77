import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { hashSecret } from '../../../src/auth/api-key.js';
import { Authenticator, TooManyFailedKeys } from '../../../src/auth/authenticator.js';
import { CachedKeys, JoinedLookups } from '../../../src/auth/cached-keys.js';
import { FailedKeys } from '../../../src/auth/failed-keys.js';
import { areNetworks, networkOf } from '../../../src/auth/networks.js';
import { limits } from '../../../src/limits.js';
import { RetryableError } from '../../../src/ports/errors.js';
import type { Key, KeyEvent } from '../../../src/ports/keys.js';
import { MemoryKeys } from '../../support/memory/memory-keys.js';

const ADDRESS = '192.0.2.1';
const secret = 's'.repeat(32);
const place = (revision: number) => ({ tenant: 'default', revision, at: '2026-01-01T00:00:00.000Z' });
const issued = (keyId = 'k1', revision = 1): KeyEvent => ({
  type: 'ApiKeyIssued',
  data: { keyId, user: 'ada', role: 'member', name: 'k', secretSha256: hashSecret(secret) },
  ...place(revision),
});
const revoked = (revision: number): KeyEvent => ({ type: 'ApiKeyRevoked', data: { keyId: 'k1' }, ...place(revision) });
const bearer = `Bearer vb_k1_${secret}`;
const principal = { tenant: 'default', user: 'ada', role: 'member', keyId: 'k1' } as const;

/** A store that counts what it is asked, and a clock that is set by hand. */
class CountingKeys extends MemoryKeys {
  asked: string[] = [];
  failing = false;
  private held: Promise<void> | undefined;
  override async findAll(ids: readonly string[]): Promise<readonly Key[]> {
    this.asked.push(ids.join());
    if (this.failing) throw new RetryableError('away');
    const keys = await Promise.all(ids.map((id) => super.find(id)));
    return keys.filter((key) => key !== undefined);
  }
  override async find(id: string): Promise<Key | undefined> {
    this.asked.push(id);
    if (this.failing) throw new RetryableError('away');
    const held = this.held;
    this.held = undefined;
    const key = await super.find(id);
    await held;
    return key;
  }
  /** The next `find` reads at once, and answers when this is called. */
  hold(): () => void {
    let answer = (): void => {};
    this.held = new Promise((resolve) => {
      answer = resolve;
    });
    return answer;
  }
}

async function cached() {
  const store = new CountingKeys();
  await store.record(issued());
  const clock = { time: 1_000_000, now: () => clock.time, monotonic: () => clock.time, sleep: async () => {} };
  const keys = new CachedKeys(store, clock);
  return { store, clock, keys, authenticator: new Authenticator(keys, new FailedKeys(clock)) };
}

describe('authentication', () => {
  it('returns the user of a valid key, and nothing for any other key', async () => {
    const { keys, authenticator } = await cached();
    expect(await authenticator.authenticate(bearer, ADDRESS)).toEqual(principal);
    for (const wrong of [
      undefined,
      '',
      'Bearer',
      'Bearer x',
      `Bearer vb_k1_${'x'.repeat(32)}`,
      `Bearer vb_k2_${secret}`,
    ])
      expect(await authenticator.authenticate(wrong, ADDRESS)).toBeUndefined();
    await keys.record(revoked(2));
    expect(await authenticator.authenticate(bearer, ADDRESS)).toBeUndefined();
  });

  it('does not take an outage for a wrong key', async () => {
    const { authenticator, store } = await cached();
    store.failing = true;
    await expect(authenticator.authenticate(bearer, ADDRESS)).rejects.toBeInstanceOf(RetryableError);
  });

  it('reports to an open stream whether its key is still valid', async () => {
    const { keys, authenticator } = await cached();
    expect(await authenticator.isValid(principal)).toBe(true);
    expect(await authenticator.isValid({ ...principal, role: 'admin' })).toBe(false);
    expect(await authenticator.isValid({ ...principal, keyId: 'k2' })).toBe(false);
    await keys.record(revoked(2));
    expect(await authenticator.isValid(principal)).toBe(false);
  });
});

describe('the cache of keys', () => {
  it('asks the store once in a while, and once for all who ask at the same time', async () => {
    const { keys, store, clock } = await cached();
    await Promise.all([keys.find('k1'), keys.find('k1')]);
    clock.time += limits.keyCacheMs - 1;
    await keys.find('k1');
    expect(store.asked).toHaveLength(1);
    clock.time += 1;
    await Promise.all([keys.find('k1'), keys.find('k1')]);
    expect(store.asked).toHaveLength(2);
  });

  it('has records of another node at once after the clock was set back', async () => {
    const { keys, store, clock } = await cached();
    await keys.find('k1');
    await store.record(revoked(2));
    expect((await keys.find('k1'))?.revokedAt).toBeNull();
    clock.time -= 3_600_000;
    expect((await keys.find('k1'))?.revokedAt).not.toBeNull();
  });

  it('lets a request go on while a key that has aged is looked up behind it', async () => {
    const { keys, store, clock, authenticator } = await cached();
    await keys.find('k1');
    clock.time += limits.keyUseMs - 1;
    const answer = store.hold();
    expect(await authenticator.authenticate(bearer, ADDRESS)).toEqual(principal);
    expect(await authenticator.authenticate(bearer, ADDRESS)).toEqual(principal);
    expect(store.asked).toEqual(['k1', 'k1']);
    answer();
    await turnOfTheLoop();
    clock.time += limits.keyCacheMs - 1;
    expect(await authenticator.authenticate(bearer, ADDRESS)).toEqual(principal);
    expect(store.asked).toHaveLength(2);
  });

  it('refuses a key that another node has revoked after the first request behind which it was looked up', async () => {
    const { keys, store, clock, authenticator } = await cached();
    await keys.find('k1');
    await store.record(revoked(2));
    clock.time += limits.keyCacheMs;
    expect(await authenticator.authenticate(bearer, ADDRESS)).toEqual(principal);
    await turnOfTheLoop();
    expect(await authenticator.authenticate(bearer, ADDRESS)).toBeUndefined();
  });

  it('never uses a key beyond its bound, however long the store needs for its answer', async () => {
    const { keys, store, clock, authenticator } = await cached();
    await keys.find('k1');
    await store.record(revoked(2));
    clock.time += limits.keyCacheMs;
    const answer = store.hold();
    expect(await authenticator.authenticate(bearer, ADDRESS)).toEqual(principal);
    clock.time += limits.keyUseMs - limits.keyCacheMs;
    const waiting = authenticator.authenticate(bearer, ADDRESS);
    await turnOfTheLoop();
    answer();
    expect(await waiting).toBeUndefined();
  });

  it('asks anew for a request that comes when the lookup under way has aged, and keeps the later answer', async () => {
    const { keys, store, clock } = await cached();
    await keys.find('k1');
    clock.time += limits.keyCacheMs;
    const first = store.hold();
    await keys.find('k1');
    await store.record(revoked(2));
    clock.time += limits.keyCacheMs;
    const second = store.hold();
    const waiting = keys.find('k1');
    second();
    expect((await waiting)?.revokedAt).not.toBeNull();
    first();
    await turnOfTheLoop();
    expect((await keys.find('k1'))?.revokedAt).not.toBeNull();
  });

  it('uses a key while the store is away up to its bound, and fails then', async () => {
    const { keys, store, clock, authenticator } = await cached();
    await keys.find('k1');
    store.failing = true;
    clock.time += limits.keyUseMs - 1;
    expect(await authenticator.authenticate(bearer, ADDRESS)).toEqual(principal);
    await turnOfTheLoop();
    clock.time += 1;
    await expect(authenticator.authenticate(bearer, ADDRESS)).rejects.toBeInstanceOf(RetryableError);
    store.failing = false;
    expect(await authenticator.authenticate(bearer, ADDRESS)).toEqual(principal);
  });

  it('waits for a recent answer for a stream that stays open, which asks only every few seconds', async () => {
    const { keys, store, clock, authenticator } = await cached();
    await keys.find('k1');
    await store.record(revoked(2));
    clock.time += limits.keyCacheMs;
    expect(await authenticator.isValid(principal)).toBe(false);
    // What a stream may be late by, and a request.
    const checkMs = limits.streamTickMs * limits.streamPrincipalCheckTicks;
    expect(Math.max(checkMs + limits.keyCacheMs, limits.keyUseMs)).toBeLessThan(5_000);
  });

  it('does not keep the answer of a lookup that was under way when something was recorded', async () => {
    const { keys, store, clock } = await cached();
    await keys.find('k1');
    clock.time += limits.keyCacheMs;
    const answer = store.hold();
    await keys.find('k1');
    await keys.record(revoked(2));
    answer();
    await turnOfTheLoop();
    expect((await keys.find('k1'))?.revokedAt).not.toBeNull();
  });

  it('has records of this process at once', async () => {
    const { keys } = await cached();
    await keys.find('k1');
    await keys.record(revoked(2));
    expect((await keys.find('k1'))?.revokedAt).not.toBeNull();
  });

  it('keeps neither failures nor unknown ids, and no more than its bound', async () => {
    const { keys, store } = await cached();
    store.failing = true;
    await expect(keys.find('k1')).rejects.toThrow('away');
    store.failing = false;
    expect(await keys.find('k1')).toBeDefined();
    await keys.find('nobody');
    await keys.find('nobody');
    expect(store.asked).toEqual(['k1', 'k1', 'nobody', 'nobody']);

    for (let nth = 0; nth < limits.keyCacheEntriesMax; nth++) {
      await store.record(issued(`many${nth}`));
      await keys.find(`many${nth}`);
    }
    store.asked = [];
    await keys.find('k1');
    await keys.find(`many${limits.keyCacheEntriesMax - 1}`);
    expect(store.asked).toEqual(['k1']);
  });
});

describe('look-ups of unknown ids', () => {
  it('are joined: ids that arrive during a query are all asked for by the next one', async () => {
    const { keys, store } = await cached();
    const first = keys.find('made-up-0');
    await Promise.resolve();
    const others = Array.from({ length: 1_000 }, (_, nth) => keys.find(`made-up-${nth + 1}`));
    expect(await Promise.all([first, ...others, keys.find('k1')])).toContainEqual(
      expect.objectContaining({ id: 'k1' }),
    );
    expect(store.asked.length).toBeLessThanOrEqual(3);
  });

  it('find at once what another node has issued, also when it was asked for a moment before', async () => {
    const { keys, store } = await cached();
    expect(await keys.find('later')).toBeUndefined();
    await store.record(issued('later'));
    expect(await keys.find('later')).toMatchObject({ id: 'later' });
  });

  it('wait for the end of a pause after each query, also after one that failed', async () => {
    const store = new CountingKeys();
    const pauses: { readonly ms: number; readonly end: () => void }[] = [];
    const sleep = (ms: number) => new Promise<void>((end) => pauses.push({ ms, end }));
    const lookups = new JoinedLookups(store, { sleep });
    store.failing = true;
    await expect(lookups.find('a')).rejects.toBeInstanceOf(RetryableError);
    store.failing = false;
    const second = lookups.find('b');
    await turnOfTheLoop();
    expect({ asked: store.asked, pauses: pauses.map(({ ms }) => ms), waiting: lookups.size }).toEqual({
      asked: ['a'],
      pauses: [limits.keyLookupPauseMs],
      waiting: 1,
    });
    pauses[0]?.end();
    expect(await second).toBeUndefined();
    expect({ asked: store.asked, waiting: lookups.size }).toEqual({ asked: ['a', 'b'], waiting: 0 });
  });

  it('do not keep an answer that is older than what was recorded meanwhile', async () => {
    const { keys, store } = await cached();
    const findAll = store.findAll.bind(store);
    store.findAll = async (ids) => {
      const found = await findAll(ids);
      await keys.record(revoked(2));
      store.findAll = findAll;
      return found;
    };
    await keys.find('k1');
    expect((await keys.find('k1'))?.revokedAt).not.toBeNull();
  });

  it('are refused, to be tried again, beyond their bound, while known keys pass', async () => {
    const { keys, store } = await cached();
    await keys.find('k1');
    let release: () => void = () => {};
    store.findAll = () => new Promise((resolve) => (release = () => resolve([])));
    const asked = Array.from({ length: limits.keyLookupsWaitingMax + 10 }, (_, nth) =>
      keys.find(`x${nth}`).catch((error) => error),
    );
    const refused = await Promise.race(asked.slice(-1));
    expect(refused).toBeInstanceOf(RetryableError);
    expect(await keys.find('k1')).toBeDefined();
    release();
  });

  it('cost nothing for another secret of a known id', async () => {
    const { authenticator, store } = await cached();
    await authenticator.authenticate(bearer, ADDRESS);
    store.asked = [];
    for (let nth = 0; nth < 20; nth++) {
      await authenticator.authenticate(`Bearer vb_k1_${String(nth).padStart(32, 'x')}`, ADDRESS);
    }
    expect(store.asked).toEqual([]);
  });
});

describe('wrong keys of an address', () => {
  const wrong = (nth: number) => `Bearer vb_made${nth}_${secret}`;

  it('are refused with 429 after a bound, and again allowed as time passes', async () => {
    const { authenticator, clock } = await cached();
    for (let nth = 0; nth < limits.failedKeysAtOnceMax; nth++) {
      expect(await authenticator.authenticate(wrong(nth), ADDRESS)).toBeUndefined();
    }
    await expect(authenticator.authenticate(wrong(0), ADDRESS)).rejects.toBeInstanceOf(TooManyFailedKeys);
    await expect(authenticator.authenticate(wrong(0), '192.0.2.2')).resolves.toBeUndefined();
    clock.time += limits.failedKeyEveryMs;
    expect(await authenticator.authenticate(wrong(0), ADDRESS)).toBeUndefined();
    await expect(authenticator.authenticate(wrong(0), ADDRESS)).rejects.toBeInstanceOf(TooManyFailedKeys);
  });

  it('do not refuse a valid key of the same address, be it known or not', async () => {
    const { authenticator, keys } = await cached();
    for (let nth = 0; nth < 2 * limits.failedKeysAtOnceMax; nth++) {
      await authenticator.authenticate(wrong(nth), ADDRESS).catch(() => {});
    }
    expect(await authenticator.authenticate(bearer, ADDRESS)).toEqual(principal);
    expect(await authenticator.authenticate(bearer, ADDRESS)).toEqual(principal);
    await keys.record(revoked(2));
    await expect(authenticator.authenticate(bearer, ADDRESS)).rejects.toBeInstanceOf(TooManyFailedKeys);
  });

  it('are not counted where no key is presented', async () => {
    const { authenticator } = await cached();
    for (let nth = 0; nth < 2 * limits.failedKeysAtOnceMax; nth++) {
      for (const header of [undefined, 'Bearer x', 'Basic eA==']) {
        expect(await authenticator.authenticate(header, ADDRESS)).toBeUndefined();
      }
    }
    expect(await authenticator.authenticate(wrong(0), ADDRESS)).toBeUndefined();
  });

  it('are counted for a bounded number of addresses, and the oldest is forgotten', async () => {
    const clock = { monotonic: () => 1 };
    const failed = new FailedKeys(clock);
    for (let nth = 0; nth < limits.failedKeysAtOnceMax; nth++) failed.count('192.0.2.1');
    expect(failed.isExhausted('192.0.2.1')).toBe(true);
    for (let nth = 0; nth < limits.failingAddressesMax; nth++) failed.count(`10.0.${nth >> 8}.${nth & 255}`);
    expect(failed.isExhausted('192.0.2.1')).toBe(false);
  });

  it('are counted together for all texts that are no address', () => {
    const failed = new FailedKeys({ monotonic: () => 1 });
    for (let nth = 0; nth < limits.failedKeysAtOnceMax; nth++) failed.count(`unknown ${nth}`);
    expect(failed.isExhausted('another text')).toBe(true);
    expect(failed.isExhausted('192.0.2.1')).toBe(false);
  });

  it.each([
    ['192.0.2.1', '192.0.2.1'],
    ['192.0.2.1:51234', '192.0.2.1'],
    ['[2001:db8:1:2::3]:51234', '2001:db8:1:2::/64'],
    ['[2001:db8:1:2::3]', '2001:db8:1:2::/64'],
    ['192.0.2.1.5', 'no address'],
    ['::ffff:999.0.2.1', 'no address'],
    ['[x]:1', 'no address'],
    ['', 'no address'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:0DB8:0001:2:ffff::1', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['64:ff9b::192.0.2.33', '64:ff9b:0:0::/64'],
    ['1:2:3:4:5:6:192.0.2.33', '1:2:3:4::/64'],
  ])('%s counts as %s', (address, network) => {
    expect(networkOf(address)).toBe(network);
  });

  it.each([
    ['10.0.0.0/8,::1', true],
    ['192.0.2.1', true],
    ['fc00::/7', true],
    ...['', ',', '10.0.0.0/33', '::/129', '10.0.0.0/8/8', 'proxy', '10.0.0', '*', 'true', ' 10.0.0.1'].map((text) => [
      text,
      false,
    ]),
  ] as [string, boolean][])('"%s" names proxies: %s', (text, expected) => {
    expect(areNetworks(text)).toBe(expected);
  });
});
