import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { type ApiKey, createTenant } from '../domain/tenant.js';
import { type Caller, metadataOf } from './origin.js';
import { type TenantParts, transactTenant } from './transact-tenant.js';

/** Creates a tenant with the key of its first administrator. The command has only the hash of the secret. */
export class CreateTenant extends Command<{ readonly id: string }> {
  constructor(
    readonly caller: Caller,
    readonly name: string,
    readonly key: ApiKey,
  ) {
    super();
  }
}

@CommandHandler(CreateTenant)
export class CreateTenantHandler implements ICommandHandler<CreateTenant> {
  constructor(private readonly parts: TenantParts) {}

  async execute({ caller, name, key }: CreateTenant): Promise<{ id: string }> {
    const id = this.parts.ids.random();
    const meta = metadataOf(caller, this.parts.ids.random());
    await transactTenant(this.parts, { tenant: id, meta, decide: createTenant(name, key) });
    return { id };
  }
}
