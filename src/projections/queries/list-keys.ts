import { type IQueryHandler, Query, QueryHandler } from '@nestjs/cqrs';
import type { Key, Keys } from '../../ports/keys.js';

/** A key without its secret. */
export type ListedKey = Pick<Key, 'id' | 'user' | 'role' | 'name' | 'createdAt' | 'revokedAt'>;

/** All keys of a tenant, the oldest first, revoked ones included. */
export class ListKeys extends Query<readonly ListedKey[]> {
  constructor(readonly tenant: string) {
    super();
  }
}

@QueryHandler(ListKeys)
export class ListKeysHandler implements IQueryHandler<ListKeys> {
  constructor(private readonly keys: Pick<Keys, 'ofTenant'>) {}

  async execute({ tenant }: ListKeys): Promise<readonly ListedKey[]> {
    const keys = await this.keys.ofTenant(tenant);
    return keys.map(({ id, user, role, name, createdAt, revokedAt }) => ({
      id,
      user,
      role,
      name,
      createdAt,
      revokedAt,
    }));
  }
}
