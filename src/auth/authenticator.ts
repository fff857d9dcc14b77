import { timingSafeEqual } from 'node:crypto';
import { limits } from '../limits.js';
import type { Key } from '../ports/keys.js';
import { hashSecret, parseApiKey } from './api-key.js';
import type { CachedKeys } from './cached-keys.js';
import type { FailedKeys } from './failed-keys.js';
import type { Principal } from './principal.js';

const BEARER = /^bearer +(\S+) *$/i;
/** Compared for an unknown key, so that its refusal takes the same time. No secret has this hash. */
const NO_HASH = '0'.repeat(64);

/** This address has presented too many wrong keys. */
export class TooManyFailedKeys extends Error {
  constructor(readonly retryAfterMs: number) {
    super('too many wrong keys');
  }
}

/** Finds the sender of a request by its Authorization header. Throws RetryableError if the keys cannot be read now. */
export class Authenticator {
  constructor(
    private readonly keys: Pick<CachedKeys, 'find' | 'findRecent' | 'isCrowdedFor'>,
    private readonly failed: FailedKeys,
  ) {}

  /**
   * Undefined for a missing, malformed, unknown, wrong or revoked key, without a distinction. Throws TooManyFailedKeys if the
   * address has presented too many invalid keys. A valid key is never refused because of them.
   */
  async authenticate(authorization: string | undefined, address: string): Promise<Principal | undefined> {
    const [, text = ''] = BEARER.exec(authorization ?? '') ?? [];
    const presented = parseApiKey(text);
    // It costs no look-up, so it does not count.
    if (!presented) return undefined;
    if (this.keys.isCrowdedFor(presented.id) && this.failed.isExhausted(address)) {
      throw new TooManyFailedKeys(limits.failedKeyEveryMs);
    }
    const key = await this.keys.find(presented.id);
    const matches = equalHashes(hashSecret(presented.secret), key?.secretSha256 ?? NO_HASH);
    if (key && matches && isGood(key)) return principalFor(key);
    const retryAfterMs = this.failed.count(address);
    if (retryAfterMs !== undefined) throw new TooManyFailedKeys(retryAfterMs);
    return undefined;
  }

  /**
   * True if the key of a principal is still valid. A timer calls it for open streams every few seconds. An error, as of
   * authenticate, does not mean that the key is invalid.
   */
  async isValid({ keyId, tenant, user, role }: Principal): Promise<boolean> {
    const key = await this.keys.findRecent(keyId);
    return key !== undefined && isGood(key) && key.tenant === tenant && key.user === user && key.role === role;
  }
}

function isGood(key: Key): boolean {
  return key.revokedAt === null;
}

function principalFor({ id, tenant, user, role }: Key): Principal {
  return { tenant, user, role, keyId: id };
}

function equalHashes(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
}
