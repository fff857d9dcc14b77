import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { type ApiKey, issueKey } from '../domain/tenant.js';
import { type Caller, metadataOf } from './origin.js';
import { type TenantParts, transactTenant } from './transact-tenant.js';

/** Issues a key to a user of the caller's tenant. The command has only the hash of the secret. */
export class IssueKey extends Command<void> {
  constructor(
    readonly caller: Caller,
    readonly key: ApiKey,
  ) {
    super();
  }
}

@CommandHandler(IssueKey)
export class IssueKeyHandler implements ICommandHandler<IssueKey> {
  constructor(private readonly parts: TenantParts) {}

  async execute({ caller, key }: IssueKey): Promise<void> {
    const meta = metadataOf(caller, this.parts.ids.random());
    await transactTenant(this.parts, { tenant: caller.tenant, meta, decide: issueKey(key) });
  }
}
