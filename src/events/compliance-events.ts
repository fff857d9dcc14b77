import { Type } from '@sinclair/typebox';
import type { EventOf } from './envelope.js';

const COMPLIANCE = 'compliance-';

/** The stream of what a tenant must be able to prove about its log as a whole. */
export const complianceStream = (tenant: string): string => `${COMPLIANCE}${tenant}`;

const count = Type.Integer({ minimum: 0 });

export const complianceEvents = {
  CensusTaken: {
    schema: 1,
    data: Type.Object({
      /** The census counts the entries before this index. One census for a tenant and a size. */
      size: count,
      /** Chains. */
      count,
      /** The root of the tree of the chains, as base64. */
      root: Type.String(),
    }),
  },
} as const;

export type ComplianceEvent = EventOf<typeof complianceEvents>;
