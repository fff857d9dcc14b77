import { describe, expect, it } from '@jest/globals';
import { isDestroyed, KeyMissing } from '../../../src/ports/value-keys.js';
import { keyProcess, memoryKeys } from '../../support/keyring-ground.js';

const AT = '2026-01-12T09:30:26.001Z';

async function ground() {
  const shared = memoryKeys();
  const [here, elsewhere] = [await keyProcess(shared), await keyProcess(shared)];
  return { ...shared, here: here.directory, elsewhere: elsewhere.directory };
}

describe('the directory of users', () => {
  it('has one commitment for each tenant and user, from everywhere, also if processes race', async () => {
    const shared = memoryKeys();
    const processes = await Promise.all(Array.from({ length: 4 }, () => keyProcess(shared)));
    const got = await Promise.all(processes.map(({ directory }) => directory.commitmentOf('acme', 'ada')));
    const [u] = got as [string];
    expect(got).toEqual([u, u, u, u]);
    expect(u).toMatch(/^u[a-z2-7]{52}$/);
    const { directory } = processes[0] as (typeof processes)[0];
    const others = [await directory.commitmentOf('beta', 'ada'), await directory.commitmentOf('acme', 'Ada')];
    expect(new Set([u, ...others]).size).toBe(3);
  });

  it('names the users of a page, and none of another tenant', async () => {
    const { here, elsewhere } = await ground();
    const [ada, zoe, foreign] = [
      await here.commitmentOf('acme', 'ada'),
      await here.commitmentOf('acme', 'Zoë \u{1f602}'),
      await here.commitmentOf('beta', 'eve'),
    ];
    const named = await elsewhere.usersOf('acme', [ada, zoe, foreign, 'unknown', ada]);
    expect(named.get(ada)).toEqual({ is: 'known', user: 'ada' });
    expect(named.get(zoe)).toEqual({ is: 'known', user: 'Zoë \u{1f602}' });
    expect([named.get(foreign)?.is, named.get('unknown')?.is]).toEqual(['missing', 'missing']);
    expect(await here.usersOf('acme', [ada])).toEqual(new Map([[ada, { is: 'known', user: 'ada' }]]));
  });

  it('has no user of an erased commitment, and another commitment for a user who comes back', async () => {
    const { here, elsewhere } = await ground();
    const u = await here.commitmentOf('acme', 'ada');
    await Promise.all([elsewhere.commitmentOf('acme', 'ada'), elsewhere.usersOf('acme', [u])]);
    await here.erase('acme', u, AT);
    await here.erase('acme', u, AT);
    elsewhere.forget('acme', [u]);
    for (const directory of [here, elsewhere]) {
      expect(await directory.usersOf('acme', [u])).toEqual(new Map([[u, { is: 'erased' }]]));
    }
    const again = await elsewhere.commitmentOf('acme', 'ada');
    expect(again).not.toBe(u);
    expect(await here.commitmentOf('acme', 'ada')).toBe(again);
  });

  it('refuses a user whose erasure has begun and is not complete', async () => {
    const { here, elsewhere, store } = await ground();
    const u = await here.commitmentOf('acme', 'ada');
    await store.destroy([u], AT);
    await expect(elsewhere.commitmentOf('acme', 'ada')).rejects.toThrow(KeyMissing);
  });

  it('has no readable user in the store, and rows of one length for users of about one length', async () => {
    const { here, store } = await ground();
    const us = await Promise.all(['ada', 'barbara.liskov@x.org'].map((user) => here.commitmentOf('acme', user)));
    const rows = await store.find(us);
    expect(
      JSON.stringify(rows, (_, value) => (value?.type === 'Buffer' ? Buffer.from(value.data).toString() : value)),
    ).not.toMatch(/ada|liskov/);
    expect(new Set(rows.map((row) => (isDestroyed(row) ? 0 : row.wrapped.length))).size).toBe(1);
  });

  it('notices a row that was given to another user', async () => {
    const { here, store, masters } = await ground();
    const eve = await here.commitmentOf('acme', 'eve');
    const attacked = new Proxy(store, {
      get: (target, name: keyof typeof store) =>
        name === 'ofScope'
          ? async (scope: { tenant: string; scope: string }) =>
              scope.scope.startsWith('directory-') ? (await store.find([eve]))[0] : target.ofScope(scope)
          : (target[name] as () => unknown).bind(target),
    });
    const victim = await keyProcess({ store: attacked, masters });
    await expect(victim.directory.commitmentOf('acme', 'ada')).rejects.toThrow('its row is of another user');
  });
});
