import { Module } from '@nestjs/common';
import { Authenticator } from '../auth/authenticator.js';
import { CachedKeys } from '../auth/cached-keys.js';
import { FailedKeys } from '../auth/failed-keys.js';
import { KeyMint } from '../auth/key-mint.js';
import { CreateTenantHandler } from '../commands/create-tenant.js';
import { Folds } from '../commands/folds.js';
import { IssueKeyHandler } from '../commands/issue-key.js';
import { OpenDefaultTenantHandler } from '../commands/open-default-tenant.js';
import { RevokeKeyHandler } from '../commands/revoke-key.js';
import type { TenantParts } from '../commands/transact-tenant.js';
import { tenant } from '../domain/tenant.js';
import { ListKeysHandler } from '../projections/queries/list-keys.js';
import { PORTS } from './ports.module.js';
import { provider, token } from './provider.js';

const PARTS = token<TenantParts>('TenantParts');

const { log, codec, clock, ids } = PORTS;
const handlers: (new (parts: TenantParts) => object)[] = [
  OpenDefaultTenantHandler,
  CreateTenantHandler,
  IssueKeyHandler,
  RevokeKeyHandler,
];

/** Tenants and their keys. Every process authenticates its requests, those for metrics and unknown paths too. */
@Module({
  providers: [
    provider(CachedKeys, { keys: PORTS.keys, clock }, ({ keys, clock }) => new CachedKeys(keys, clock)),
    provider(
      Authenticator,
      { keys: CachedKeys, clock },
      ({ keys, clock }) => new Authenticator(keys, new FailedKeys(clock)),
    ),
    provider(KeyMint, { ids }, ({ ids }) => new KeyMint(ids)),
    provider(PARTS, { log, codec, clock, ids, keys: CachedKeys }, (parts) => ({
      ...parts,
      tenants: new Folds(parts.log, parts.codec, tenant),
    })),
    ...handlers.map((Handler) => provider(Handler, { parts: PARTS }, ({ parts }) => new Handler(parts))),
    provider(ListKeysHandler, { keys: CachedKeys }, ({ keys }) => new ListKeysHandler(keys)),
  ],
  exports: [Authenticator, CachedKeys, KeyMint],
})
export class TenantsModule {}
