import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { DomainEvent } from '../../../src/events/catalogue.js';
import {
  type CodecKeys,
  createCodec,
  type Decoded,
  MissingKey,
  UndecodableEvent,
  UnencodableEvent,
  UnrevealableEvent,
  type Wrapping,
} from '../../../src/events/codec.js';
import type { NewEvent, RecordedEvent } from '../../../src/events/envelope.js';
import { bodyOf, contentOf } from '../../../src/formats/record-1/content.js';
import { ValueKey } from '../../../src/formats/value-1/value-key.js';
import { someMetadata } from '../../support/new-events.js';
import { eventsOfType } from './arbitrary-events.js';
import { personalValues } from './personal-values.js';

const keys = new Map([
  ['key-1', new ValueKey(Buffer.alloc(32, 1))],
  ['key-2', new ValueKey(Buffer.alloc(32, 2))],
]);
const codec = createCodec({ keys: { find: () => keys } });

const stream = 'generation-7';
const meta = { ...someMetadata, key: 'key-1', p: 1 } as const;
const wrapping: Wrapping = {
  id: '00000000-0000-4000-8000-000000000001',
  tenant: 'acme',
  at: '2026-01-02T03:04:05.678Z',
  meta,
};
const delta = (text: string): DomainEvent => ({
  type: 'DeltaReceived',
  data: { attempt: 1, seq: 0, block: 0, text, channel: 'content' },
});
const ended = (usageRaw: Record<string, unknown>): DomainEvent => ({
  type: 'AttemptEnded',
  data: {
    ...{ attempt: 1, outcome: 'completed', finishReason: 'stop', modelServed: null, usage: null, usageRaw },
    ...{ response: {}, droppedDeltas: 0 },
  },
});

async function written(event: DomainEvent, change: Partial<Wrapping> = {}, into = stream): Promise<RecordedEvent> {
  const [encoded] = await codec.encode(into, [{ ...event, ...wrapping, ...change }]);
  return { ...(encoded as NewEvent), stream: into, revision: 41 };
}

async function read(...page: readonly RecordedEvent[]): Promise<readonly Decoded[]> {
  return codec.decode(page);
}

/** The values at a path of the list of personal values, where `*` is every item. */
function valuesAt(value: unknown, [step, ...rest]: readonly string[]): unknown[] {
  if (step === undefined) return [value];
  if (typeof value !== 'object' || value === null) return [];
  const parts = step === '*' ? Object.values(value) : [(value as Record<string, unknown>)[step]];
  return parts.flatMap((part) => valuesAt(part, rest));
}

const stepsOf = (path: string): string[] => path.split('/').slice(1);

describe('a protected event', () => {
  it.each(Object.entries(personalValues))(
    'of type %s holds no personal value in clear, and is read as it was written',
    async (type, paths) => {
      const arbitrary = eventsOfType(type);
      await fc.assert(
        fc.asyncProperty(arbitrary, async (event) => {
          const stored = await written(event);
          const data: unknown = JSON.parse(stored.data);
          const personal = paths.flatMap((path) => valuesAt(data, stepsOf(path)));
          for (const value of personal.filter((each) => each !== null && each !== undefined)) {
            expect(value).toEqual({ $p: 1, c: expect.any(String), x: expect.any(String) });
          }
          expect(await read(stored)).toEqual([expect.objectContaining({ type, data: event.data, meta })]);
        }),
        { numRuns: 40 },
      );
    },
  );

  it('is the same text at each attempt to append it', async () => {
    expect(await written(delta('hello'))).toEqual(await written(delta('hello')));
  });

  it('is what another program computed by the format', async () => {
    const { data } = await written(delta('hello'));
    expect(JSON.parse(data)).toEqual({
      ...{ attempt: 1, seq: 0, block: 0, channel: 'content' },
      text: {
        $p: 1,
        c: '/g4ma7/TeKMY3qh20DUcRO94RYy+9DxodGQu5cDjYwE=',
        x: 'yLYewVqjOsK3jPT0N9xmCi9R4/bSEPh49O99P5SNHuVxvO1o7MqgwqgK4d2aN3Al',
      },
    });
  });

  it('has a body in the record that its key is not needed for, and that has no text', async () => {
    const stored = await written(ended({ secret: 'hello' }));
    const { usageRaw } = JSON.parse(stored.data);
    const body = bodyOf(contentOf(stored).content);
    expect(JSON.parse(body).data.usageRaw).toEqual({ $c: usageRaw.c });
    expect(body).not.toContain(usageRaw.x);
  });

  it.each([
    ['in the report of a provider', (planted: object) => ended({ cost: planted })],
    [
      'in the parameters of a conversation',
      (planted: object): DomainEvent => ({
        type: 'ConversationConfigured',
        data: { params: { tools: [planted] } },
      }),
    ],
  ])('keeps what looks like a protected value %s', async (_, planting) => {
    const real = JSON.parse((await written(delta('hello'))).data).text;
    for (const planted of [{ $p: 1 }, { $p: 1, c: 'x', x: 'x' }, { $c: 'x' }, real, { $p: 2 }]) {
      const event = planting(planted);
      expect(await read(await written(event))).toEqual([expect.objectContaining({ data: event.data })]);
    }
  });

  it('cannot be written with a member that begins with $ outside its personal values', async () => {
    const event = delta('hello');
    const data = { ...event.data, tool: { $p: 1 } };
    await expect(written({ ...event, data } as DomainEvent)).rejects.toBeInstanceOf(UnencodableEvent);
  });

  it.each([{ key: 'key-1' }, { p: 1 }])('cannot be written with %j alone in its metadata', async (half) => {
    const { key: _, p: __, ...without } = meta;
    const written_ = written(delta('hello'), { meta: { ...without, ...half } as Wrapping['meta'] });
    await expect(written_).rejects.toBeInstanceOf(UnencodableEvent);
  });

  it('is damaged if one of its values was at another place', async () => {
    const text = async (change: Partial<Wrapping>, into?: string) =>
      JSON.parse((await written(delta('hello'), change, into)).data).text;
    const here = await written(delta('hello'));
    const moved = await Promise.all([
      text({ id: '00000000-0000-4000-8000-000000000002' }),
      text({ tenant: 'other' }),
      text({}, 'generation-8'),
      text({ meta: { ...meta, key: 'key-2' } }),
      JSON.parse((await written(ended({}))).data).usageRaw,
    ]);
    for (const value of moved) {
      const data = JSON.stringify({ ...JSON.parse(here.data), text: value });
      const page = await read(here, { ...here, data }, here);
      expect(page.map((each) => each instanceof UndecodableEvent)).toEqual([false, true, false]);
    }
  });

  it('is damaged after any change of its commitment or its ciphertext', async () => {
    const here = await written(delta('hello'));
    const { text, ...rest } = JSON.parse(here.data);
    for (const part of ['c', 'x'] as const) {
      for (let nth = 0; nth < text[part].length; nth++) {
        const other = text[part][nth] === 'A' ? 'B' : 'A';
        const changed = `${text[part].slice(0, nth)}${other}${text[part].slice(nth + 1)}`;
        const data = JSON.stringify({ ...rest, text: { ...text, [part]: changed } });
        expect(await read({ ...here, data })).toEqual([expect.any(UndecodableEvent)]);
      }
    }
  });

  it('names its key if that is missing, and no other event of the page suffers', async () => {
    const [first, second] = [
      await written(delta('one')),
      await written(delta('two'), { meta: { ...meta, key: 'key-2' } }),
    ];
    const without = createCodec({ keys: { find: () => new Map([...keys].filter(([id]) => id === 'key-1')) } });
    const [one, two] = await without.decode([first, second]);
    expect(one).toMatchObject({ data: { text: 'one' } });
    expect(two).toBeInstanceOf(UnrevealableEvent);
    expect(two).toMatchObject({ key: 'key-2' });
    const event = { ...delta('three'), ...wrapping, meta: { ...meta, key: 'key-2' } };
    await expect(without.encode(stream, [event])).rejects.toEqual(new MissingKey('key-2'));
  });

  it('is unreadable for a codec without keys, which reads events without protection', async () => {
    const { key: _, p: __, ...without } = meta;
    const page = [await written(delta('one')), await written(delta('two'), { meta: without })];
    const [one, two] = await createCodec().decode(page);
    expect(one).toBeInstanceOf(UnrevealableEvent);
    expect(two).toMatchObject({ data: { text: 'two' } });
  });

  it('shares one search for keys with all events of its page', async () => {
    const searches: string[][] = [];
    const find: CodecKeys['find'] = async (ids) => {
      searches.push([...ids]);
      return keys;
    };
    const counting = createCodec({ keys: { find } });
    const page = await Promise.all([
      written(delta('one')),
      written(delta('two'), { meta: { ...meta, key: 'key-2' } }),
      written(delta('three')),
    ]);
    const texts = (await counting.decode(page)).map((each) => (each as { data: { text: string } }).data.text);
    expect(texts).toEqual(['one', 'two', 'three']);
    expect(searches).toEqual([['key-1', 'key-2']]);
    const { key: _, p: __, ...without } = meta;
    await counting.decode([await written(delta('four'), { meta: without })]);
    expect(searches).toHaveLength(1);
  });
});
