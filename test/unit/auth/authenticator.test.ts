import { describe, expect, it } from '@jest/globals';
import { MemoryKeys } from '../../../src/adapters/memory/memory-keys.js';
import { hashSecret } from '../../../src/auth/api-key.js';
import { Authenticator } from '../../../src/auth/authenticator.js';
import { CachedKeys } from '../../../src/auth/cached-keys.js';
import { limits } from '../../../src/limits.js';
import { RetryableError } from '../../../src/ports/errors.js';
import type { Key, KeyEvent, Keys } from '../../../src/ports/keys.js';

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
  override async find(id: string): Promise<Key | undefined> {
    this.asked.push(id);
    if (this.failing) throw new RetryableError('away');
    return super.find(id);
  }
}

async function cached() {
  const store = new CountingKeys();
  await store.record(issued());
  const clock = { time: 1_000_000, now: () => clock.time };
  return { store, clock, keys: new CachedKeys(store, clock) as Keys };
}

describe('authentication', () => {
  it('names who holds a good key, and nobody else', async () => {
    const { keys } = await cached();
    const authenticator = new Authenticator(keys);
    expect(await authenticator.authenticate(bearer)).toEqual(principal);
    for (const wrong of [
      undefined,
      '',
      'Bearer',
      'Bearer x',
      `Bearer vb_k1_${'x'.repeat(32)}`,
      `Bearer vb_k2_${secret}`,
    ])
      expect(await authenticator.authenticate(wrong)).toBeUndefined();
    await keys.record(revoked(2));
    expect(await authenticator.authenticate(bearer)).toBeUndefined();
  });

  it('does not take an outage for a wrong key', async () => {
    const { keys, store } = await cached();
    store.failing = true;
    await expect(new Authenticator(keys).authenticate(bearer)).rejects.toBeInstanceOf(RetryableError);
  });

  it('tells an open stream whether its key is still good', async () => {
    const { keys } = await cached();
    const authenticator = new Authenticator(keys);
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
    await keys.find('k1');
    expect(store.asked).toHaveLength(2);
  });

  it('sees what another node recorded when its lookup has aged, whatever happens to the clock', async () => {
    const { keys, store, clock } = await cached();
    await keys.find('k1');
    await store.record(revoked(2));
    expect((await keys.find('k1'))?.revokedAt).toBeNull();
    clock.time -= 3_600_000;
    expect((await keys.find('k1'))?.revokedAt).not.toBeNull();
  });

  it('sees at once what is recorded through it', async () => {
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
