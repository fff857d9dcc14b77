import { type ConversationEvent, conversationEvents } from './conversation-events.js';
import type { Family } from './family.js';
import { type GenerationEvent, generationEvents } from './generation-events.js';
import { type LogEvent, logEvents } from './log-events.js';
import { type TenantEvent, tenantEvents } from './tenant-events.js';

/** Every event type that this version writes, in its present shape. */
export const catalogue: Family = { ...conversationEvents, ...generationEvents, ...tenantEvents, ...logEvents };

export type DomainEvent = ConversationEvent | GenerationEvent | TenantEvent | LogEvent;
