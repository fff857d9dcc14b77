import { Type } from '@sinclair/typebox';
import { type EventOf, literals, personalText } from './family.js';

/** The keys of a tenant, in `tenant-<id>`. Only a hash of a key's secret is ever written. */
export const tenantEvents = {
  TenantCreated: { schema: 1, data: Type.Object({ name: Type.String() }) },
  ApiKeyIssued: {
    schema: 2,
    data: Type.Object({
      keyId: Type.String(),
      user: Type.String(),
      role: literals('member', 'auditor', 'admin'),
      name: personalText(),
      secretSha256: Type.String(),
    }),
  },
  ApiKeyRevoked: { schema: 2, data: Type.Object({ keyId: Type.String() }) },
} as const;

export type TenantEvent = EventOf<typeof tenantEvents>;
