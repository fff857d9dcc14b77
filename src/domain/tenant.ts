import type { TenantEvent } from '../events/catalogue.js';
import type { Aggregate, Decide } from './decider.js';
import { requireWellFormed } from './texts.js';

export const tenantStream = (id: string): string => `tenant-${id}`;

export type ApiKey = Extract<TenantEvent, { type: 'ApiKeyIssued' }>['data'];

export interface Tenant {
  readonly exists: boolean;
  readonly keys: ReadonlyMap<string, ApiKey>;
  /** Ids of revoked keys. */
  readonly revoked: ReadonlySet<string>;
}

export const tenant: Aggregate<Tenant, TenantEvent> = {
  initial: { exists: false, keys: new Map(), revoked: new Set() },
  evolve(state, event) {
    switch (event.type) {
      case 'TenantCreated':
        return { ...state, exists: true };
      case 'ApiKeyIssued':
        return {
          ...state,
          keys: new Map(state.keys).set(event.data.keyId, event.data),
          revoked: without(state.revoked, event.data.keyId),
        };
      case 'ApiKeyRevoked':
        return {
          ...state,
          keys: new Map([...state.keys].filter(([id]) => id !== event.data.keyId)),
          revoked: new Set(state.revoked).add(event.data.keyId),
        };
    }
  },
};

/** Creates a tenant with its first key, without which no request could act in it. */
export function createTenant(name: string, key: ApiKey): Decide<Tenant, TenantEvent> {
  return (state) => {
    requireWellFormed(name);
    return state.exists ? [] : [{ type: 'TenantCreated', data: { name } }, ...issueKey(key)(state)];
  };
}

/** Issues a key with a given secret. The same key again changes nothing; a new secret replaces the old one. */
export function issueKey(key: ApiKey): Decide<Tenant, TenantEvent> {
  return (state) => {
    requireWellFormed(key.user, key.name);
    return opens(state, key) ? [] : [{ type: 'ApiKeyIssued', data: key }];
  };
}

/** True if the key exists with this secret. Another secret under the same id is another key. */
export function opens({ keys }: Tenant, { keyId, secretSha256 }: ApiKey): boolean {
  return keys.get(keyId)?.secretSha256 === secretSha256;
}

export function isKeyOf({ keys, revoked }: Tenant, keyId: string): boolean {
  return keys.has(keyId) || revoked.has(keyId);
}

/** Revokes a key. A key that is revoked, or that the tenant never had, changes nothing. */
export function revokeKey(keyId: string): Decide<Tenant, TenantEvent> {
  return (state) => (state.keys.has(keyId) ? [{ type: 'ApiKeyRevoked', data: { keyId } }] : []);
}

function without(ids: ReadonlySet<string>, id: string): ReadonlySet<string> {
  return new Set([...ids].filter((each) => each !== id));
}
