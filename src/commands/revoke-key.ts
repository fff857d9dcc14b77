import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { isKeyOf, revokeKey } from '../domain/tenant.js';
import { type Caller, metadataOf } from './origin.js';
import { type TenantParts, transactTenant } from './transact-tenant.js';

/** Revokes a key of the caller's tenant. Returns false for a key that this tenant never had. */
export class RevokeKey extends Command<{ readonly found: boolean }> {
  constructor(
    readonly caller: Caller,
    readonly keyId: string,
  ) {
    super();
  }
}

@CommandHandler(RevokeKey)
export class RevokeKeyHandler implements ICommandHandler<RevokeKey> {
  constructor(private readonly parts: TenantParts) {}

  async execute({ caller, keyId }: RevokeKey): Promise<{ found: boolean }> {
    const meta = metadataOf(caller, this.parts.ids.random());
    let found = false;
    await transactTenant(this.parts, {
      tenant: caller.tenant,
      meta,
      decide: (state) => {
        found = isKeyOf(state, keyId);
        return revokeKey(keyId)(state);
      },
    });
    return { found };
  }
}
