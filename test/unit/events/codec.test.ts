import { inspect } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { Type } from '@sinclair/typebox';
import fc from 'fast-check';
import { catalogue, type DomainEvent } from '../../../src/events/catalogue.js';
import {
  createCodec,
  type Decoded,
  type TypedEvent,
  UndecodableEvent,
  UnencodableEvent,
} from '../../../src/events/codec.js';
import type { Family, Metadata, NewEvent, RecordedEvent } from '../../../src/events/envelope.js';
import { newEvent, someMetadata } from '../../support/new-events.js';
import { anyMetadata, eventsOfType } from './arbitrary-events.js';

const types = Object.keys(catalogue);
const codec = createCodec();

const id = '00000000-0000-4000-8000-000000000001';
const at = '2026-01-02T03:04:05.678Z';
const wrapping = { id, tenant: 'acme', at, meta: someMetadata };

/** What stands in the log once an event was appended. */
const recorded = (event: NewEvent): RecordedEvent => ({ ...event, stream: 'generation-7', revision: 41 });

async function encodedAlone(event: DomainEvent, envelope = wrapping): Promise<NewEvent> {
  const events = await codec.encode('generation-7', [{ ...event, ...envelope }]);
  expect(events).toHaveLength(1);
  return events[0] as NewEvent;
}

async function decodedAlone(event: RecordedEvent, by = codec): Promise<Decoded> {
  const [decoded] = await by.decode([event]);
  return decoded;
}

const delta: DomainEvent = {
  type: 'DeltaReceived',
  data: { attempt: 1, seq: 0, block: 0, text: 'hello', channel: 'content' },
};
const message: DomainEvent = {
  type: 'MessageSent',
  data: {
    messageId: 'm1',
    parent: null,
    role: 'user',
    origin: 'person',
    kind: 'message',
    parts: [{ type: 'text', text: 'hello' }],
  },
};

/** A recorded event with some of its data, or of its metadata, replaced or (undefined) taken out. */
function recordedWith(event: DomainEvent, data: Record<string, unknown>, meta: Record<string, unknown> = {}) {
  return recorded({
    ...newEvent(event, wrapping),
    data: JSON.stringify({ ...event.data, ...data }),
    meta: JSON.stringify({ ...someMetadata, ...meta }),
  });
}

const SECRET = 'what a person said';
/** Neither its message nor anything that a logger prints of it may quote a person. */
function expectSilentAbout(secret: string, error: Error): void {
  expect(inspect(error, { depth: null })).not.toContain(secret);
  expect(JSON.stringify(error)).not.toContain(secret);
}

describe('an event that is written and read again', () => {
  it.each(types)('%s is unchanged, for any data', async (type) => {
    await fc.assert(
      fc.asyncProperty(eventsOfType(type), anyMetadata, async (event, meta) => {
        const encoded = await encodedAlone(event, { ...wrapping, meta });
        expect(encoded).toEqual(newEvent(event, { ...wrapping, meta }));
        const written = recorded(encoded);
        const expected = { ...event, id, at, tenant: 'acme', stream: 'generation-7', revision: 41, meta };
        expect(await decodedAlone(written)).toEqual({ ...expected, schema: catalogue[type]?.schema });
      }),
      { numRuns: 50 },
    );
  });

  it('comes back with its position, where the log gave one', async () => {
    const written = { ...recorded(newEvent(delta, wrapping)), position: '7' as RecordedEvent['position'] };
    expect(await decodedAlone(written)).toMatchObject({ position: '7' });
  });

  it('keeps what a later version added to its data and metadata', async () => {
    const written = recordedWith(delta, { mood: 'calm' }, { region: 'eu' });
    const read = (await decodedAlone(written)) as TypedEvent;
    expect(read.data).toEqual({ ...delta.data, mood: 'calm' });
    expect(read.meta).toEqual({ ...someMetadata, region: 'eu' });
  });

  const written = recorded(newEvent(delta, wrapping));
  it.each<[string, Partial<RecordedEvent>]>([
    ['its type', { type: 'MoodChanged', data: '{' }],
    ['its type, which every object has', { type: 'constructor' }],
    ['its version yet', { schema: 3, data: '{' }],
  ])('is unknown to a reader that does not know %s', async (_, other) => {
    expect(await decodedAlone({ ...written, ...other })).toBe('unknown');
  });
});

describe('an event that must not be written', () => {
  const refused: [string, unknown, Partial<typeof wrapping>?][] = [
    ['a wrong type', { ...delta, data: { ...delta.data, seq: SECRET } }],
    ['a wrong literal', { ...delta, data: { ...delta.data, channel: SECRET } }],
    ['a text that is none', { ...delta, data: { ...delta.data, text: [SECRET] } }],
    ['a missing field', { ...delta, data: { text: SECRET } }],
    ['no data at all', { type: 'DeltaReceived' }],
    ['no parts', { ...message, data: { ...message.data, parts: [] } }],
    ['a part of another kind', { ...message, data: { ...message.data, parts: [{ type: SECRET, text: SECRET }] } }],
    ['a number that is not whole', { ...delta, data: { ...delta.data, seq: 0.5, text: SECRET } }],
    ['bad metadata', delta, { meta: { ...someMetadata, actor: SECRET } as unknown as Metadata }],
    ['an unknown type', { type: 'MoodChanged', data: { text: SECRET } }],
  ];
  it.each(refused)('%s is refused, and not quoted', async (_, event, other = {}) => {
    const error = await encodedAlone(event as DomainEvent, { ...wrapping, ...other }).catch((reason) => reason);
    expect(error).toBeInstanceOf(UnencodableEvent);
    expect(error.message).toContain((event as DomainEvent).type);
    expectSilentAbout(SECRET, error);
  });
});

describe('the events of one append', () => {
  const said = (text: string) => ({ ...message, data: { ...message.data, messageId: text }, ...wrapping, id: text });

  it('are encoded in their order, each with its own envelope', async () => {
    const meta = { ...someMetadata, commandId: 'another' };
    const events = [said('m1'), { ...delta, ...wrapping, meta }, said('m2')];
    expect(await codec.encode('conversation-7', events)).toEqual([
      newEvent(message, { ...wrapping, id: 'm1' }),
      newEvent(delta, { ...wrapping, meta }),
      { ...newEvent(message, { ...wrapping, id: 'm2' }), data: JSON.stringify(said('m2').data) },
    ]);
  });

  it('are refused together when one of them must not be written, which is named with its stream', async () => {
    const wrong = { ...delta, ...wrapping, data: { text: 'hello' } } as never;
    const encoding = codec.encode('generation-7', [said('m1'), wrong, said('m2')]);
    await expect(encoding).rejects.toBeInstanceOf(UnencodableEvent);
    await expect(encoding).rejects.toThrow(/^DeltaReceived of generation-7: /);
  });
});

describe('the events of one page', () => {
  const at = (revision: number, other: Partial<RecordedEvent> = {}): RecordedEvent => ({
    ...recorded(newEvent(delta, { ...wrapping, id: `e${revision}` })),
    ...{ revision, ...other },
  });
  const conditions = {
    typed: {},
    unknown: { type: 'MoodChanged' },
    damaged: { data: '{' },
    old: { schema: 1 },
  } as const;
  type Condition = keyof typeof conditions;
  const drawnPage = fc.array(fc.constantFrom<Condition>('typed', 'unknown', 'damaged', 'old'), { maxLength: 12 });

  it('have their results in the same order, and none is affected by what is wrong with its neighbours', async () => {
    await fc.assert(
      fc.asyncProperty(drawnPage, async (drawn) => {
        const page = drawn.map((condition, nth) => at(nth, conditions[condition]));
        const together = await codec.decode(page);
        expect(together).toHaveLength(page.length);
        for (const [nth, decoded] of together.entries()) {
          const condition = drawn[nth] as Condition;
          if (condition === 'unknown') expect(decoded).toBe('unknown');
          else if (condition !== 'damaged') expect(decoded).toMatchObject({ id: `e${nth}`, revision: nth, schema: 2 });
          else {
            expect(decoded).toBeInstanceOf(UndecodableEvent);
            expect((decoded as UndecodableEvent).event).toMatchObject({ id: `e${nth}`, revision: nth });
          }
        }
      }),
    );
  });
});

describe('a recorded event that is damaged', () => {
  const ofDelta = recorded(newEvent(delta, wrapping));
  const damaged: [string, RecordedEvent, string][] = [
    ['data that is not JSON', { ...ofDelta, data: `{"text":"${SECRET}` }, 'data is not JSON'],
    ['metadata that is not JSON', { ...ofDelta, meta: SECRET }, 'meta is not JSON'],
    ['data that is no object', { ...ofDelta, data: JSON.stringify([SECRET]) }, 'data: '],
    ['a wrong type', recordedWith(delta, { seq: SECRET }), 'data/seq: '],
    ['a wrong literal', recordedWith(delta, { channel: SECRET }), 'data/channel: '],
    ['a missing field', recordedWith(delta, { text: undefined, hint: SECRET }), 'data/text: '],
    [
      'a wrong type in a list',
      recordedWith(message, {
        parts: [
          { type: 'text', text: 'fine' },
          { type: 'text', text: { SECRET } },
        ],
      }),
      'data/parts/1: ',
    ],
    ['a wrong type far inside', recordedWith(delta, { tool: { name: { SECRET } } }), 'data/tool/name: '],
    ['something else for a text or null', recordedWith(message, { parent: [SECRET] }), 'data/parent: '],
    ['bad metadata', recordedWith(delta, {}, { actor: { id: 'ada', kind: [SECRET] } }), 'meta/actor/kind: '],
    ['missing metadata', recordedWith(delta, {}, { commandId: undefined }), 'meta/commandId: '],
    ['a version before the first', { ...ofDelta, schema: 0 }, 'no upcaster from version 0'],
  ];
  it.each(damaged)('%s: the error names the event and the place, never the value', async (_, event, problem) => {
    const error = (await decodedAlone(event)) as UndecodableEvent;
    expect(error).toBeInstanceOf(UndecodableEvent);
    expect(error.message).toContain(`event 41 of generation-7 (${event.type} v${event.schema}, id ${id}): ${problem}`);
    expect(error.event).toEqual({ id, stream: 'generation-7', revision: 41, type: event.type, schema: event.schema });
    expectSilentAbout(SECRET, error);
  });
});

describe('an event of an old version', () => {
  const family: Family = {
    Greeted: { schema: 3, data: Type.Object({ text: Type.String(), language: Type.String() }) },
  };
  const fromFirst = (data: unknown) => ({ text: (data as { words: string }).words });
  const fromSecond = (data: unknown) => ({ ...(data as { text: string }), language: 'unknown' });
  const reader = createCodec({ family, upcasters: { Greeted: { 1: fromFirst, 2: fromSecond } } });
  const greeted = (schema: number, data: unknown): RecordedEvent =>
    recorded({ ...newEvent(delta, wrapping), type: 'Greeted', schema, data: JSON.stringify(data) });

  it.each([
    [1, { words: 'hi' }, 'unknown'],
    [2, { text: 'hi' }, 'unknown'],
    [3, { text: 'hi', language: 'en' }, 'en'],
  ])('is lifted from version %i to the present one', async (version, data, language) => {
    expect(await decodedAlone(greeted(version, data), reader)).toMatchObject({
      schema: 3,
      data: { text: 'hi', language },
    });
  });

  const quoting = (data: unknown): never => {
    throw new Error(JSON.stringify(data));
  };
  it.each([
    ['nothing lifts it', { 1: fromFirst }, 'no upcaster from version 2'],
    ['the first step is missing', { 2: fromSecond }, 'no upcaster from version 1'],
    ['its lifting throws', { 1: fromFirst, 2: quoting }, 'data does not fit version 2'],
    ['it is lifted into a wrong shape', { 1: fromFirst, 2: fromFirst }, 'data/language: '],
  ])('cannot be decoded when %s', async (_, steps, problem) => {
    const broken = createCodec({ family, upcasters: { Greeted: steps } });
    const error = (await decodedAlone(greeted(1, { words: SECRET }), broken)) as UndecodableEvent;
    expect(error).toBeInstanceOf(UndecodableEvent);
    expect(error.message).toContain(`(Greeted v1, id ${id}): ${problem}`);
    expectSilentAbout(SECRET, error);
  });

  it('is written in the present version only', async () => {
    const event = { type: 'Greeted', data: { text: 'hi', language: 'en' } } as unknown as DomainEvent;
    const written = await reader.encode('generation-7', [{ ...event, ...wrapping }]);
    expect(written).toMatchObject([{ type: 'Greeted', schema: 3 }]);
  });
});
