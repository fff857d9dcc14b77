import { describe, expect, it } from '@jest/globals';
import type { TSchema } from '@sinclair/typebox';
import { catalogue, type DomainEvent } from '../../../src/events/catalogue.js';

/**
 * The values of a person in each event type. An event with an unmarked text cannot be changed later, so a new mark and a
 * removed one are decisions that this list shows. `*` is every item of a list.
 */
const personalValues: Record<DomainEvent['type'], readonly string[]> = {
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
};

function markedIn(schema: TSchema, here = ''): string[] {
  if (schema.personal === true) return [here];
  const alternatives: TSchema[] = schema.anyOf ?? [];
  const properties = Object.entries<TSchema>(schema.properties ?? {});
  const marked = [
    ...alternatives.flatMap((alternative) => markedIn(alternative, here)),
    ...properties.flatMap(([name, property]) => markedIn(property, `${here}/${name}`)),
    ...(schema.items ? markedIn(schema.items, `${here}/*`) : []),
  ];
  return [...new Set(marked)];
}

describe('personal values', () => {
  it('are listed for every event type', () => {
    expect(Object.keys(personalValues).sort()).toEqual(Object.keys(catalogue).sort());
  });

  it.each(Object.entries(personalValues))('of %s are marked, and no other value is', (type, values) => {
    expect(markedIn((catalogue[type] as { data: TSchema }).data)).toEqual(values);
  });
});
