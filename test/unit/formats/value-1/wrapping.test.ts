import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { base64 } from '../../../../src/formats/record-1/hashes.js';
import { userCommitment } from '../../../../src/formats/value-1/user-commitment.js';
import { unwrapped, type WrappedIdentity, wrapped } from '../../../../src/formats/value-1/wrapping.js';

const file = join(import.meta.dirname, '..', '..', '..', 'golden', 'record', 'protected-values.json');
const golden = JSON.parse(readFileSync(file, 'utf8'));
const bytesOf = (text: string) => Buffer.from(text, 'base64');
const key = bytesOf(golden.key);
const master = bytesOf(golden.master);
const identity: WrappedIdentity = { tenant: 'acme', id: 'k1', generation: 1 };
const nonce = Buffer.alloc(12, 5);

describe('a wrapped key', () => {
  it.each(golden.wrapped as (WrappedIdentity & { nonce: string; wrapped: string })[])(
    'has the bytes that another program computed: $tenant $id $generation',
    (example) => {
      expect(base64(wrapped(master, example, key, bytesOf(example.nonce)))).toBe(example.wrapped);
      expect(unwrapped(master, example, bytesOf(example.wrapped))).toEqual(key);
    },
  );

  it('opens as itself alone', () => {
    const bytes = wrapped(master, identity, key, nonce);
    expect(unwrapped(master, identity, bytes)).toEqual(key);
    expect(unwrapped(key, identity, bytes)).toBeUndefined();
    for (const other of [{ tenant: 'beta' }, { id: 'k2' }, { generation: 2 }]) {
      expect(unwrapped(master, { ...identity, ...other }, bytes)).toBeUndefined();
    }
  });

  it('does not open after any one bit has changed, or cut', () => {
    const bytes = wrapped(master, identity, key, nonce);
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3] = (changed[bit >> 3] as number) ^ (1 << (bit & 7));
      expect(unwrapped(master, identity, changed)).toBeUndefined();
    }
    for (let length = 0; length < bytes.length; length++) {
      expect(unwrapped(master, identity, bytes.subarray(0, length))).toBeUndefined();
    }
  });

  it('is refused with a nonce of another length, or an ambiguous identity', () => {
    expect(() => wrapped(master, identity, key, Buffer.alloc(11))).toThrow(RangeError);
    expect(() => wrapped(master, { ...identity, tenant: 'a\nb' }, key, nonce)).toThrow(RangeError);
    expect(() => wrapped(master, { ...identity, id: 'a\nb' }, key, nonce)).toThrow(RangeError);
  });
});

describe('the commitment of a user', () => {
  const secret = bytesOf(golden.userSecret);

  it.each(golden.users as { tenant: string; user: string; u: string }[])(
    'is the one that another program computed: $tenant $user',
    ({ tenant, user, u }) => {
      expect(userCommitment(secret, tenant, user)).toBe(u);
      expect(u).toMatch(/^u[a-z2-7]{52}$/);
    },
  );

  it('differs with another secret', () => {
    expect(userCommitment(key, 'acme', 'ada')).not.toBe(userCommitment(secret, 'acme', 'ada'));
  });

  it('is not made of a short secret, or of an ambiguous tenant or user', () => {
    expect(() => userCommitment(secret.subarray(1), 'acme', 'ada')).toThrow(RangeError);
    expect(() => userCommitment(secret, 'a\nb', 'ada')).toThrow(RangeError);
    expect(() => userCommitment(secret, 'acme', '\ud83d')).toThrow(RangeError);
  });
});
