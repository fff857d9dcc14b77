import { Type } from '@sinclair/typebox';
import { type EventOf, literals } from './family.js';

/** Who may enter, in `tenant-<id>`. Only a hash of a key's secret is ever written. */
export const tenantEvents = {
  TenantCreated: { schema: 1, data: Type.Object({ name: Type.String() }) },
  ApiKeyIssued: {
    schema: 1,
    data: Type.Object({
      keyId: Type.String(),
      user: Type.String(),
      role: literals('member', 'auditor', 'admin'),
      name: Type.String(),
      secretSha256: Type.String(),
    }),
  },
  ApiKeyRevoked: { schema: 1, data: Type.Object({ keyId: Type.String() }) },
} as const;

export type TenantEvent = EventOf<typeof tenantEvents>;
