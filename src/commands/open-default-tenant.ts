import { Command, CommandHandler, type ICommandHandler } from '@nestjs/cqrs';
import { type ApiKey, createTenant, issueKey, opens } from '../domain/tenant.js';
import type { Metadata } from '../events/envelope.js';
import { type TenantParts, transactTenant } from './transact-tenant.js';

export const DEFAULT_TENANT = 'default';

/**
 * Ensures that the default tenant exists with a key, without which no request is accepted. Returns whether it was created,
 * and whether the key is valid now.
 */
export class OpenDefaultTenant extends Command<{ readonly created: boolean; readonly enters: boolean }> {
  constructor(
    readonly key: ApiKey,
    /** A key that the operator sets is issued on every start, the key of a first start only with its tenant. */
    readonly issue: 'always' | 'first',
  ) {
    super();
  }
}

@CommandHandler(OpenDefaultTenant)
export class OpenDefaultTenantHandler implements ICommandHandler<OpenDefaultTenant> {
  constructor(private readonly parts: TenantParts) {}

  async execute({ key, issue }: OpenDefaultTenant): Promise<{ created: boolean; enters: boolean }> {
    const commandId = this.parts.ids.random();
    let wasKnown = false;
    const events = await transactTenant(this.parts, {
      tenant: DEFAULT_TENANT,
      meta: startMetadata(commandId),
      decide: (state) => {
        wasKnown = opens(state, key);
        if (!state.exists) return createTenant(DEFAULT_TENANT, key)(state);
        return issue === 'always' ? issueKey(key)(state) : [];
      },
    });
    return { created: events.some(({ type }) => type === 'TenantCreated'), enters: wasKnown || events.length > 0 };
  }
}

function startMetadata(commandId: string): Metadata {
  return {
    actor: { id: 'verbatim', kind: 'service' },
    correlationId: commandId,
    commandId,
  };
}
