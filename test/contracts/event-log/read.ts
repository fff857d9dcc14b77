import { beforeAll, expect, it } from '@jest/globals';
import type { NewEvent, Position, RecordedEvent } from '../../../src/events/envelope.js';
import { limits } from '../../../src/limits.js';
import type { AllStreamsFilter, EventLog, ReadStreamOptions } from '../../../src/ports/event-log.js';
import { newDelta, newDeltas, newStream, typedEvents, wholeStream } from '../../support/new-events.js';
import { until } from '../../support/until.js';
import type { OpenLog } from '../event-log.contract.js';
import { follow } from './subscribe.js';

export function readContract(open: OpenLog): void {
  let log: EventLog;
  beforeAll(async () => {
    log = await open();
  });

  async function revisions(stream: string, options: ReadStreamOptions): Promise<number[]> {
    const found: number[] = [];
    for await (const page of log.readStream(stream, options)) found.push(...page.map(({ revision }) => revision));
    return found;
  }

  async function everything(
    after: Position,
    filter?: AllStreamsFilter,
  ): Promise<{ events: RecordedEvent[]; end: Position }> {
    const events: RecordedEvent[] = [];
    let end = after;
    for await (const page of log.readAll(after, filter)) {
      events.push(...page.events);
      end = page.position;
    }
    return { events, end };
  }

  it('finds nothing in a stream that does not exist', async () => {
    expect(await wholeStream(log, newStream())).toEqual([]);
    expect(await revisions(newStream(), { direction: 'backwards' })).toEqual([]);
  });

  it.each<[string, ReadStreamOptions, number[]]>([
    ['forwards', {}, [0, 1, 2, 3, 4]],
    ['forwards from a revision', { from: 3 }, [3, 4]],
    ['forwards, so many', { from: 1, eventsMax: 2 }, [1, 2]],
    ['forwards from beyond the end', { from: 5 }, []],
    ['forwards from beyond every end', { from: Number.MAX_SAFE_INTEGER }, []],
    ['backwards from beyond every end', { direction: 'backwards', from: Number.MAX_SAFE_INTEGER, eventsMax: 1 }, [4]],
    ['backwards', { direction: 'backwards' }, [4, 3, 2, 1, 0]],
    ['backwards from a revision', { direction: 'backwards', from: 2 }, [2, 1, 0]],
    ['backwards, so many', { direction: 'backwards', eventsMax: 1 }, [4]],
    ['backwards from beyond the end', { direction: 'backwards', from: 99 }, [4, 3, 2, 1, 0]],
    ['none', { eventsMax: 0 }, []],
  ])('reads a stream %s', async (_, options, expected) => {
    const stream = newStream();
    await log.append(stream, 'none', newDeltas(5));
    expect(await revisions(stream, options)).toEqual(expected);
  });

  it('returns every field as it was written, and no position in the read of one stream', async () => {
    const stream = newStream();
    const event = newDelta('hello');
    await log.append(stream, 'none', [event]);
    expect(await wholeStream(log, stream)).toStrictEqual([{ ...event, stream, revision: 0 }]);
  });

  it.each([
    ['an escaped NUL', 'a\u0000b'],
    ['a lone high surrogate', 'a\ud800'],
    ['a lone low surrogate', '\udc00b'],
    ['surrogates the wrong way round', '\udc00\ud800'],
    ['an emoji', '👩‍👩‍👧'],
    ['quotes, backslashes and control characters', '"\\\n\r\t\u0001\u007f\u2028'],
    ['what looks like an escape', '\\u0000'],
  ])('returns a text with %s exactly', async (_, text) => {
    const stream = newStream();
    await log.append(stream, 'none', [newDelta(text)]);
    const [event] = await typedEvents(await wholeStream(log, stream));
    expect(event?.data).toMatchObject({ text });
  });

  it('returns JSON unchanged: spaces, order of keys, repeated keys, numbers', async () => {
    const stream = newStream();
    const data = '{ "b": 1.0, "a": 1e400, "10": 12345678901234567890,  "a": [ ] }';
    await log.append(stream, 'none', [{ ...newDelta(), data }]);
    expect((await wholeStream(log, stream))[0]?.data).toBe(data);
  });

  it('returns an event of an unknown type or version', async () => {
    const stream = newStream();
    const unknown = { ...newDelta(), type: 'InventedLater', schema: 9, data: '{"x":1}' };
    await log.append(stream, 'none', [unknown]);
    expect(await wholeStream(log, stream)).toMatchObject([unknown]);
  });

  it('reads all streams in the order of commits, from after a position', async () => {
    const after = await log.head();
    const events = newDeltas(6);
    for (const event of events) await log.append(newStream(), 'none', [event]);
    const all = await everything(after);
    expect(all.events.map(({ id }) => id)).toEqual(events.map(({ id }) => id));
    const positions = all.events.map(({ position }) => position as Position);
    expect([...positions].sort()).toEqual(positions);
    expect(all.end).toBe(await log.head());
    expect((await everything(positions[3] as Position)).events.map(({ id }) => id)).toEqual(
      events.slice(4).map(({ id }) => id),
    );
    expect(await everything(all.end)).toEqual({ events: [], end: all.end });
  });

  it('reads the streams of some categories, and returns the position that it has read', async () => {
    const after = await log.head();
    const wanted = newStream('conversation');
    await log.append(newStream('generation'), 'none', newDeltas(3));
    await log.append(wanted, 'none', newDeltas(2));
    await log.append(newStream('tenant'), 'none', newDeltas(3));
    const found = await everything(after, { categories: ['conversation'] });
    expect(found.events.map(({ stream, revision }) => [stream, revision])).toEqual([
      [wanted, 0],
      [wanted, 1],
    ]);
    expect(found.end).toBe(await log.head());
    expect((await everything(after, { categories: ['nothing'] })).events).toEqual([]);
  });

  it('leaves out the types of a filter, in reads and in subscriptions', async () => {
    const after = await log.head();
    const [first, unknown, last] = newDeltas(3) as [NewEvent, NewEvent, NewEvent];
    await log.append(newStream(), 'none', [first, { ...unknown, type: 'OfANewerVersion' }, last]);
    await log.append(newStream('tenant'), 'none', [{ ...newDelta(), type: 'OfANewerVersion' }]);
    const filter = { categories: ['generation'], withoutTypes: ['DeltaReceived', 'AttemptEnded'] };
    const { events, end } = await everything(after, filter);
    expect(events.map(({ id }) => id)).toEqual([unknown.id]);
    expect(end).toBe(await log.head());
    const later = { ...newDelta(), type: 'OfANewerVersion' };
    const subscriber = follow(log, end, filter);
    await until(() => subscriber.pages.length > 0);
    await log.append(newStream(), 'none', [newDelta(), later]);
    await until(() => subscriber.ids().length === 1);
    await subscriber.stop();
    expect(subscriber.ids()).toEqual([later.id]);
  });

  it('splits large reads into pages without a loss', async () => {
    const stream = newStream();
    const after = await log.head();
    const eventsOfAPage = Math.ceil(limits.readPageBytesMax / 500_000);
    const events = Array.from({ length: 2 * eventsOfAPage + 1 }, (_, nth) => newDelta(`${nth}`.padEnd(500_000, '.')));
    for (const [nth, event] of events.entries()) await log.append(stream, nth === 0 ? 'none' : nth - 1, [event]);
    const ids = events.map(({ id }) => id);
    expect((await wholeStream(log, stream)).map(({ id }) => id)).toEqual(ids);
    expect((await everything(after)).events.map(({ id }) => id)).toEqual(ids);
    expect(await revisions(stream, { direction: 'backwards' })).toEqual(ids.map((_, nth) => nth).reverse());
  });
}
