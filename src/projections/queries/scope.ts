import type { Reader } from '../../domain/conversation/readers.js';
import type { Scope } from '../../ports/read-models/views.js';

/** The same rule as for a single conversation: members see their own, auditors and admins all of their tenant's. */
export const scopeOf = ({ tenant, user, role }: Reader): Scope =>
  role === 'member' ? { tenant, owner: user } : { tenant };
