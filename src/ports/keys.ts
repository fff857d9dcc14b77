import type { TenantEvent } from '../events/catalogue.js';

export type KeyRole = Extract<TenantEvent, { type: 'ApiKeyIssued' }>['data']['role'];

export interface Key {
  readonly id: string;
  readonly tenant: string;
  readonly user: string;
  readonly role: KeyRole;
  readonly name: string;
  readonly secretSha256: string;
  /** The time of the latest issue, ISO 8601. */
  readonly createdAt: string;
  readonly revokedAt: string | null;
}

/** An event of a key, and its revision in the stream of its tenant. */
export type KeyEvent = Extract<TenantEvent, { type: 'ApiKeyIssued' | 'ApiKeyRevoked' }> & {
  readonly tenant: string;
  readonly revision: number;
  readonly at: string;
};

/**
 * The keys of all tenants: a view of the streams of tenants, which can be dropped and recorded again.
 *
 * An event may be recorded twice and in any order, because several writers record: the latest event in the tenant's stream
 * wins. An id belongs to the tenant that was first recorded with it.
 *
 * Throws RetryableError when the store is away.
 */
export interface Keys {
  /** The key, also if it is revoked. Undefined if the id was never issued. */
  find(id: string): Promise<Key | undefined>;
  /** Finds many keys with one query, in any order, without ids that were never issued. */
  findAll(ids: readonly string[]): Promise<readonly Key[]>;
  record(event: KeyEvent): Promise<void>;
  /** All keys of a tenant, the oldest first, also revoked ones. */
  ofTenant(tenant: string): Promise<readonly Key[]>;
}
