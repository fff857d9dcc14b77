import type { DomainEvent } from '../../../src/events/catalogue.js';

/**
 * The values of a person in each event type. An event with an unmarked text cannot be changed later, so a new mark and a
 * removed one are decisions that this list shows. `*` is every item of a list.
 */
export const personalValues: Record<DomainEvent['type'], readonly string[]> = {
  ConversationStarted: ['/title', '/system', '/params'],
  ConversationRenamed: ['/title'],
  ConversationArchived: [],
  ConversationRestored: [],
  ConversationConfigured: ['/system', '/params'],
  MessageSent: ['/name', '/rendered', '/parts/*/text'],
  GenerationRequested: ['/options/params'],
  PromptAssembled: ['/params', '/parts/*/value', '/sha256'],
  GenerationCancelRequested: [],
  GenerationFinalized: ['/blocks', '/textSha256', '/error/message'],
  BranchSelected: [],
  GenerationClaimed: [],
  DeltaReceived: ['/text'],
  AttemptEnded: ['/usageRaw', '/error/message'],
  TenantCreated: [],
  ApiKeyIssued: ['/name'],
  ApiKeyRevoked: [],
  AccessRecorded: ['/filters', '/purpose'],
  IncarnationBegan: [],
  CensusTaken: [],
};
