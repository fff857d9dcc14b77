import { Type } from '@sinclair/typebox';
import { type AccessEvent, accessEvents } from './access-events.js';
import { type ComplianceEvent, complianceEvents } from './compliance-events.js';
import {
  type ConversationEvent,
  conversationEvents,
  type GenerationEvent,
  generationEvents,
} from './conversation-events.js';
import { type EventOf, type Family, literals, personalText } from './envelope.js';

/** The keys of a tenant, in `tenant-<id>`. Only a hash of a key's secret is ever written. */
const tenantEvents = {
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

/** The stream of the log's own: one event for each incarnation after the first. */
export const INCARNATIONS = 'log-incarnations';
export const LOG_CATEGORY = 'log';

/** About the log itself, in `log-incarnations`. */
const logEvents = {
  IncarnationBegan: {
    schema: 1,
    data: Type.Object({
      /** `<identity of the log>.<id of this event>`: the name under which notes of this incarnation are signed. */
      origin: Type.String(),
      /** The last signed note of the incarnation before, where one was signed. */
      note: Type.Optional(Type.String()),
    }),
  },
} as const;

export type LogEvent = EventOf<typeof logEvents>;

/** Every event type that this version writes, in its present shape. */
export const catalogue: Family = {
  ...conversationEvents,
  ...generationEvents,
  ...tenantEvents,
  ...accessEvents,
  ...complianceEvents,
  ...logEvents,
};

export type DomainEvent = ConversationEvent | GenerationEvent | TenantEvent | AccessEvent | ComplianceEvent | LogEvent;
