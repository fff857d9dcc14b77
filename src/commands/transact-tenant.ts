import type { Decide } from '../domain/decider.js';
import { type Tenant, tenantStream } from '../domain/tenant.js';
import type { TenantEvent } from '../events/catalogue.js';
import type { Metadata } from '../events/envelope.js';
import { ignoreOutage } from '../ports/errors.js';
import type { Keys } from '../ports/keys.js';
import type { Folds } from './folds.js';
import { type Committed, type TransactionParts, transact } from './transact.js';

export interface TenantParts extends TransactionParts {
  readonly tenants: Folds<Tenant, TenantEvent>;
  readonly keys: Pick<Keys, 'record'>;
}

export interface TenantTransaction {
  readonly tenant: string;
  readonly meta: Metadata;
  readonly decide: Decide<Tenant, TenantEvent>;
}

/**
 * Decides on a tenant, and records its keys at once, so that a new key works with the next request and a revoked one does
 * not. A crash in between loses nothing, because the subscription `keys` records the same events.
 */
export async function transactTenant(
  parts: TenantParts,
  { tenant, meta, decide }: TenantTransaction,
): Promise<readonly Committed<TenantEvent>[]> {
  const stream = tenantStream(tenant);
  const { events } = await transact(parts, { stream, tenant, meta, folds: parts.tenants, decide });
  for (const event of events) {
    if (event.type !== 'TenantCreated') await parts.keys.record({ ...event, tenant }).catch(ignoreOutage);
  }
  return events;
}
