import { timingSafeEqual } from 'node:crypto';
import type { Key, Keys } from '../ports/keys.js';
import { hashSecret, parseApiKey } from './api-key.js';
import type { Principal } from './principal.js';

const BEARER = /^bearer +(\S+) *$/i;
/** Stands in for an unknown key, so that its refusal costs the same comparison. No secret has this hash. */
const NO_HASH = '0'.repeat(64);

/** Tells who sent a request from its Authorization header. Throws RetryableError when the keys cannot be read now. */
export class Authenticator {
  constructor(private readonly keys: Pick<Keys, 'find'>) {}

  /** Nothing for a missing, malformed, unknown, wrong or revoked key: the reason is nobody's business. */
  async authenticate(authorization: string | undefined): Promise<Principal | undefined> {
    const [, text = ''] = BEARER.exec(authorization ?? '') ?? [];
    const presented = parseApiKey(text);
    if (!presented) return undefined;
    const key = await this.keys.find(presented.id);
    const matches = equalHashes(hashSecret(presented.secret), key?.secretSha256 ?? NO_HASH);
    return key && matches && isGood(key) ? principalFor(key) : undefined;
  }

  /**
   * Whether a principal could still enter. For streams that stay open: one timer asks this for each of them, at least
   * every few seconds. It may throw as authenticate does; that says nothing about the key.
   */
  async isValid({ keyId, tenant, user, role }: Principal): Promise<boolean> {
    const key = await this.keys.find(keyId);
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
