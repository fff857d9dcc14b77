import { describe, expect, it } from '@jest/globals';
import type { TSchema } from '@sinclair/typebox';
import fc from 'fast-check';
import { catalogue, type DomainEvent } from '../../../src/events/catalogue.js';
import { createCodec } from '../../../src/events/codec.js';
import type { Protection, Subject } from '../../../src/events/personal.js';
import { someMetadata } from '../../support/new-events.js';
import { anyMetadata, eventsOfType, fullValueOf } from './arbitrary-events.js';

/**
 * Every field that is a person's, written out: a mark that is dropped from a schema leaves texts in the log that no
 * erasure finds, so that has to be a decision and not a slip. `*` is every item of a list.
 */
const personalFields: Record<DomainEvent['type'], readonly string[]> = {
  ConversationStarted: ['/title', '/system'],
  ConversationRenamed: ['/title'],
  ConversationArchived: [],
  ConversationRestored: [],
  ConversationConfigured: ['/system'],
  MessageSent: ['/parts/*/text'],
  GenerationRequested: [],
  PromptAssembled: ['/sha256'],
  GenerationCancelRequested: [],
  GenerationFinalized: ['/text', '/textSha256', '/error/message'],
  BranchSelected: [],
  GenerationClaimed: [],
  DeltaReceived: ['/text'],
  AttemptEnded: ['/error/message'],
  TenantCreated: [],
  ApiKeyIssued: [],
  ApiKeyRevoked: [],
  IncarnationBegan: [],
};
const fieldsByType = Object.entries(personalFields);

const wrapping = { id: '00000000-0000-4000-8000-000000000001', tenant: 'acme', at: '2026-01-02T03:04:05.678Z' };
const stands = { stream: 'generation-7', revision: 0 };

/** Data with every text of these fields changed, found in another way than the codec finds them. */
function changed(data: unknown, fields: readonly string[], change: (text: string) => string, here = ''): unknown {
  if (typeof data === 'string') return fields.includes(here) ? change(data) : data;
  if (Array.isArray(data)) return data.map((item) => changed(item, fields, change, `${here}/*`));
  if (typeof data !== 'object' || data === null) return data;
  const entries = Object.entries(data).map(([name, value]) => [
    name,
    changed(value, fields, change, `${here}/${name}`),
  ]);
  return Object.fromEntries(entries);
}

/** A protection that can be undone, and only for whom it was done. */
const keyOf = ({ tenant, owner, conversation }: Subject) => JSON.stringify([tenant, owner, conversation]);
const sealed: Protection = {
  protect: (text, subject) => `${keyOf(subject)}${Buffer.from(text, 'utf16le').toString('base64')}`,
  reveal(text, subject) {
    if (!text.startsWith(keyOf(subject))) throw new Error('sealed for somebody else');
    return Buffer.from(text.slice(keyOf(subject).length), 'base64').toString('utf16le');
  },
};

describe('personal texts', () => {
  it('are listed for every event type', () => {
    expect(Object.keys(personalFields).sort()).toEqual(Object.keys(catalogue).sort());
  });

  it.each(fieldsByType)('of %s, and no other text, pass through the protection', (type, fields) => {
    const data = fullValueOf((catalogue[type] as { data: TSchema }).data);
    const expected: string[] = [];
    changed(data, fields, (text) => {
      expected.push(text);
      return text;
    });

    const protectedTexts: string[] = [];
    const revealedTexts: string[] = [];
    const subjects = new Set<Subject>();
    const codec = createCodec({
      protection: {
        protect(text, subject) {
          protectedTexts.push(text);
          subjects.add(subject);
          return `sealed ${text}`;
        },
        reveal(text, subject) {
          revealedTexts.push(text);
          subjects.add(subject);
          return text.replace('sealed ', '');
        },
      },
    });
    const meta = { ...someMetadata, owner: 'ada', conversation: 'c9' };
    const written = codec.encode({ type, data } as DomainEvent, { ...wrapping, meta });

    expect(protectedTexts.sort()).toEqual(expected.sort());
    expect(JSON.parse(written.data)).toEqual(changed(data, fields, (text) => `sealed ${text}`));
    expect(JSON.parse(written.meta)).toEqual(meta);

    expect(codec.decode({ ...written, ...stands })?.data).toEqual(data);
    expect(revealedTexts.sort()).toEqual(expected.map((text) => `sealed ${text}`).sort());
    for (const subject of subjects) expect(subject).toEqual({ tenant: 'acme', owner: 'ada', conversation: 'c9' });
    expect(subjects.size > 0).toBe(fields.length > 0);
  });

  it.each(fieldsByType)('of %s come back from a protection that hides them', (type, fields) => {
    const codec = createCodec({ protection: sealed });
    fc.assert(
      fc.property(eventsOfType(type), anyMetadata, (event, meta) => {
        const written = codec.encode(event, { ...wrapping, meta });
        const subject = { tenant: 'acme', owner: meta.owner, conversation: meta.conversation };
        const hidden = changed(event.data, fields, (text) => sealed.protect(text, subject));
        expect(JSON.parse(written.data)).toEqual(JSON.parse(JSON.stringify(hidden)));
        expect(codec.decode({ ...written, ...stands })?.data).toEqual(event.data);
      }),
      { numRuns: 50 },
    );
  });

  it('leaves the event that it was given as it was', () => {
    const event: DomainEvent = { type: 'ConversationRenamed', data: { title: 'Taxes' } };
    createCodec({ protection: sealed }).encode(event, { ...wrapping, meta: someMetadata });
    expect(event).toEqual({ type: 'ConversationRenamed', data: { title: 'Taxes' } });
  });
});
