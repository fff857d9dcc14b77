import type { TenantEvent } from '../events/tenant-events.js';
import type { Aggregate, Decide } from './decider.js';

export const tenantStream = (id: string): string => `tenant-${id}`;

export type ApiKey = Extract<TenantEvent, { type: 'ApiKeyIssued' }>['data'];

export interface Tenant {
  readonly exists: boolean;
  readonly keys: ReadonlyMap<string, ApiKey>;
}

export const tenant: Aggregate<Tenant, TenantEvent> = {
  initial: { exists: false, keys: new Map() },
  evolve(state, event) {
    switch (event.type) {
      case 'TenantCreated':
        return { ...state, exists: true };
      case 'ApiKeyIssued':
        return { ...state, keys: new Map(state.keys).set(event.data.keyId, event.data) };
      case 'ApiKeyRevoked':
        return { ...state, keys: new Map([...state.keys].filter(([id]) => id !== event.data.keyId)) };
    }
  },
};

/** A tenant that does not exist begins with a key: otherwise nobody could enter it. */
export function createTenant(name: string, key: ApiKey): Decide<Tenant, TenantEvent> {
  return (state) => (state.exists ? [] : [{ type: 'TenantCreated', data: { name } }, ...issueKey(key)(state)]);
}

/** Issues a key with a known secret; the same key again changes nothing, and a new secret replaces the old one. */
export function issueKey(key: ApiKey): Decide<Tenant, TenantEvent> {
  return (state) =>
    state.keys.get(key.keyId)?.secretSha256 === key.secretSha256 ? [] : [{ type: 'ApiKeyIssued', data: key }];
}
