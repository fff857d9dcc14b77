import { inspect } from 'node:util';
import { describe, expect, it } from '@jest/globals';
import { Type } from '@sinclair/typebox';
import fc from 'fast-check';
import { catalogue, type DomainEvent } from '../../../src/events/catalogue.js';
import { type Codec, createCodec, UndecodableEvent, UnencodableEvent } from '../../../src/events/codec.js';
import type { Family, Metadata, NewEvent, RecordedEvent } from '../../../src/events/envelope.js';
import { someMetadata } from '../../support/new-events.js';
import { anyMetadata, eventsOfType } from './arbitrary-events.js';

const types = Object.keys(catalogue);
const codec = createCodec();

const id = '00000000-0000-4000-8000-000000000001';
const at = '2026-01-02T03:04:05.678Z';
const wrapping = { id, tenant: 'acme', at, meta: someMetadata };

/** What stands in the log once an event was appended. */
const recorded = (event: NewEvent): RecordedEvent => ({ ...event, stream: 'generation-7', revision: 41 });

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
    ...codec.encode(event, wrapping),
    data: JSON.stringify({ ...event.data, ...data }),
    meta: JSON.stringify({ ...someMetadata, ...meta }),
  });
}

function errorOf(work: () => unknown): Error {
  try {
    work();
  } catch (error) {
    return error as Error;
  }
  throw new Error('nothing was thrown');
}

const SECRET = 'what a person said';
/** Neither its message nor anything that a logger prints of it may quote a person. */
function expectSilentAbout(secret: string, error: Error): void {
  expect(inspect(error, { depth: null })).not.toContain(secret);
  expect(JSON.stringify(error)).not.toContain(secret);
}

describe('an event that is written and read again', () => {
  it.each(types)('%s is unchanged, for any data', (type) => {
    fc.assert(
      fc.property(eventsOfType(type), anyMetadata, (event, meta) => {
        const written = recorded(codec.encode(event, { ...wrapping, meta }));
        const expected = { ...event, id, at, tenant: 'acme', stream: 'generation-7', revision: 41, meta };
        expect(codec.decode(written)).toEqual({ ...expected, schema: catalogue[type]?.schema });
      }),
      { numRuns: 50 },
    );
  });

  it('comes back with its position, where the log gave one', () => {
    const written = { ...recorded(codec.encode(delta, wrapping)), position: '7' as RecordedEvent['position'] };
    expect(codec.decode(written)?.position).toBe('7');
  });

  it('keeps what a later version added to its data and metadata', () => {
    const written = recordedWith(delta, { mood: 'calm' }, { region: 'eu' });
    const read = codec.decode(written);
    expect(read?.data).toEqual({ ...delta.data, mood: 'calm' });
    expect(read?.meta).toEqual({ ...someMetadata, region: 'eu' });
  });

  it('is undefined for a reader that does not know its type', () => {
    expect(
      codec.decode({ ...recorded(codec.encode(delta, wrapping)), type: 'MoodChanged', data: '{' }),
    ).toBeUndefined();
    expect(codec.decode({ ...recorded(codec.encode(delta, wrapping)), type: 'constructor' })).toBeUndefined();
  });

  it('is undefined for a reader that does not know its version yet', () => {
    expect(codec.decode({ ...recorded(codec.encode(delta, wrapping)), schema: 3, data: '{' })).toBeUndefined();
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
  it.each(refused)('%s is refused, and not quoted', (_, event, other = {}) => {
    const error = errorOf(() => codec.encode(event as DomainEvent, { ...wrapping, ...other }));
    expect(error).toBeInstanceOf(UnencodableEvent);
    expect(error.message).toContain((event as DomainEvent).type);
    expectSilentAbout(SECRET, error);
  });
});

describe('a recorded event that is damaged', () => {
  const ofDelta = recorded(codec.encode(delta, wrapping));
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
  it.each(damaged)('%s: the error names the event and the place, never the value', (_, event, problem) => {
    const error = errorOf(() => codec.decode(event)) as UndecodableEvent;
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
    recorded({ ...codec.encode(delta, wrapping), type: 'Greeted', schema, data: JSON.stringify(data) });

  it.each([
    [1, { words: 'hi' }, 'unknown'],
    [2, { text: 'hi' }, 'unknown'],
    [3, { text: 'hi', language: 'en' }, 'en'],
  ])('is lifted from version %i to the present one', (version, data, language) => {
    expect(reader.decode(greeted(version, data))).toMatchObject({ schema: 3, data: { text: 'hi', language } });
  });

  const quoting = (data: unknown): never => {
    throw new Error(JSON.stringify(data));
  };
  it.each([
    ['nothing lifts it', { 1: fromFirst }, 'no upcaster from version 2'],
    ['the first step is missing', { 2: fromSecond }, 'no upcaster from version 1'],
    ['its lifting throws', { 1: fromFirst, 2: quoting }, 'data does not fit version 2'],
    ['it is lifted into a wrong shape', { 1: fromFirst, 2: fromFirst }, 'data/language: '],
  ])('cannot be decoded when %s', (_, steps, problem) => {
    const error = errorOf(() =>
      createCodec({ family, upcasters: { Greeted: steps } }).decode(greeted(1, { words: SECRET })),
    );
    expect(error).toBeInstanceOf(UndecodableEvent);
    expect(error.message).toContain(`(Greeted v1, id ${id}): ${problem}`);
    expectSilentAbout(SECRET, error);
  });

  it('is written in the present version only', () => {
    const event = { type: 'Greeted', data: { text: 'hi', language: 'en' } };
    const write: Codec['encode'] = reader.encode;
    expect(write(event as unknown as DomainEvent, wrapping)).toMatchObject({ type: 'Greeted', schema: 3 });
  });
});
