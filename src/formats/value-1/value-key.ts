import { createHmac } from 'node:crypto';
import type { Hash } from '../record-1/hashes.js';

export const KEY_BYTES = 32;

/** The keys that a key K derives for each use. K itself is not kept. */
export class ValueKey {
  /** Makes the salt of each value. A salt is given away with its value, so it must not reveal another one. */
  readonly salts: Buffer;
  readonly encryption: Buffer;
  private readonly hashes: Buffer;

  constructor(key: Uint8Array) {
    if (key.length !== KEY_BYTES) throw new RangeError(`a key has ${KEY_BYTES} bytes`);
    this.salts = derived(key, 'verbatim/salt/1');
    this.encryption = derived(key, 'verbatim/enc/1');
    this.hashes = derived(key, 'verbatim/hash/1');
  }

  /** A hash that only an owner of the key can compute, so that guesses of a short text cannot be compared with it. */
  fingerprint(digest: string | Uint8Array): Hash {
    return createHmac('sha256', this.hashes).update(digest).digest();
  }
}

const derived = (key: Uint8Array, use: string): Buffer => createHmac('sha256', key).update(use).digest();
