import { beforeAll, expect, it } from '@jest/globals';
import type { EventLog } from '../../../src/ports/event-log.js';
import { newDelta, newDeltas, newStream, wholeStream } from '../../support/new-events.js';
import type { EngineTraits, OpenLog } from '../event-log.contract.js';

export function appendContract(open: OpenLog, { knowsIdsOfOtherStreams }: EngineTraits): void {
  let log: EventLog;
  beforeAll(async () => {
    log = await open();
  });

  const idsIn = async (stream: string) => (await wholeStream(log, stream)).map((event) => event.id);

  it('starts a stream at revision 0', async () => {
    const stream = newStream();
    const outcome = await log.append(stream, 'none', [newDelta()]);
    expect(outcome).toEqual({ outcome: 'appended', revision: 0, position: await log.head() });
  });

  it('adds events in order behind the expected revision', async () => {
    const stream = newStream();
    const [first, ...rest] = newDeltas(4);
    await log.append(stream, 'none', [first]);
    expect(await log.append(stream, 0, rest)).toMatchObject({ outcome: 'appended', revision: 3 });
    const events = await wholeStream(log, stream);
    expect(events.map(({ id, revision }) => [id, revision])).toEqual([first, ...rest].map(({ id }, nth) => [id, nth]));
  });

  it.each([
    ['none, on a stream that exists', 'none'],
    ['a revision that has passed', 0],
    ['a revision that is yet to come', 2],
  ] as const)('answers conflict when %s is expected, and writes nothing', async (_, expected) => {
    const stream = newStream();
    const standing = newDeltas(2);
    await log.append(stream, 'none', standing);
    expect(await log.append(stream, expected, newDeltas(2))).toEqual({ outcome: 'conflict', revision: 1 });
    expect(await idsIn(stream)).toEqual(standing.map(({ id }) => id));
  });

  it('answers conflict when a stream is expected that does not exist', async () => {
    const stream = newStream();
    expect(await log.append(stream, 0, [newDelta()])).toEqual({ outcome: 'conflict', revision: 'none' });
    expect(await idsIn(stream)).toEqual([]);
  });

  it('appends wherever the stream ends when any revision will do', async () => {
    const stream = newStream();
    expect(await log.append(stream, 'any', newDeltas(2))).toMatchObject({ outcome: 'appended', revision: 1 });
    expect(await log.append(stream, 'any', newDeltas(2))).toMatchObject({ outcome: 'appended', revision: 3 });
  });

  it.each(['none', 'any'] as const)('recognises a repeated append (expecting %s), also later', async (expected) => {
    const stream = newStream();
    const events = newDeltas(3);
    const first = await log.append(stream, expected, events);
    expect(first.outcome).toBe('appended');
    const repeated = { ...first, outcome: 'already-there' };
    expect(await log.append(stream, expected, events)).toEqual(repeated);
    await log.append(stream, 2, newDeltas(2));
    expect(await log.append(stream, expected, events)).toEqual(repeated);
    expect(await idsIn(stream)).toHaveLength(5);
  });

  it('recognises a repeated append in the middle of a stream', async () => {
    const stream = newStream();
    await log.append(stream, 'none', newDeltas(2));
    const events = newDeltas(2);
    const first = await log.append(stream, 1, events);
    await log.append(stream, 3, newDeltas(1));
    expect(await log.append(stream, 1, events)).toEqual({ ...first, outcome: 'already-there' });
  });

  it('refuses whole what is there only in part, or in another order', async () => {
    const stream = newStream();
    const [a, b, c] = [newDelta(), newDelta(), newDelta()];
    await log.append(stream, 'none', [a, b, c]);
    expect(await log.append(stream, 2, [c, newDelta()])).toEqual({ outcome: 'conflict', revision: 2 });
    expect(await log.append(stream, 'any', [newDelta(), a])).toEqual({ outcome: 'conflict', revision: 2 });
    expect(await log.append(stream, 2, [b, a])).toEqual({ outcome: 'conflict', revision: 2 });
    expect(await log.append(stream, 2, [a, c])).toEqual({ outcome: 'conflict', revision: 2 });
    expect(await idsIn(stream)).toEqual([a.id, b.id, c.id]);
  });

  it(`${knowsIdsOfOtherStreams ? 'refuses' : 'takes'} what stands in another stream`, async () => {
    const [stream, other] = [newStream(), newStream()];
    const event = newDelta();
    await log.append(stream, 'none', [event]);
    const refusal = { outcome: 'conflict', revision: 'none' };
    expect(await log.append(other, 'none', [event])).toMatchObject(
      knowsIdsOfOtherStreams ? refusal : { outcome: 'appended', revision: 0 },
    );
    expect(await idsIn(stream)).toEqual([event.id]);
    expect(await idsIn(other)).toEqual(knowsIdsOfOtherStreams ? [] : [event.id]);
  });

  it('judges each of many simultaneous appends alone', async () => {
    const streams = Array.from({ length: 20 }, () => newStream());
    await Promise.all(streams.map((stream) => log.append(stream, 'none', [newDelta()])));
    const outcomes = await Promise.all(
      streams.map((stream, nth) => log.append(stream, nth % 2 === 0 ? 0 : 7, [newDelta()])),
    );
    expect(outcomes.map(({ outcome }) => outcome)).toEqual(
      streams.map((_, nth) => (nth % 2 === 0 ? 'appended' : 'conflict')),
    );
  });

  it('keeps the order of simultaneous appends to one stream', async () => {
    const stream = newStream();
    const events = newDeltas(30);
    const outcomes = await Promise.all(
      events.map((event, nth) => log.append(stream, nth === 0 ? 'none' : nth - 1, [event])),
    );
    expect(outcomes.every(({ outcome }) => outcome === 'appended')).toBe(true);
    expect(await idsIn(stream)).toEqual(events.map(({ id }) => id));
  });

  it('lets one of several writers with the same expectation win', async () => {
    const other = await open();
    const stream = newStream();
    const outcomes = await Promise.all(
      [log, other, log, other].map((writer) => writer.append(stream, 'none', [newDelta()])),
    );
    expect(outcomes.map(({ outcome }) => outcome).sort()).toEqual(['appended', 'conflict', 'conflict', 'conflict']);
    expect(await idsIn(stream)).toHaveLength(1);
  });

  it('gives every append a later position than the ones answered before', async () => {
    const positions: string[] = [];
    for (let nth = 0; nth < 5; nth++) {
      const outcome = await log.append(newStream(), 'none', newDeltas(2));
      if (outcome.outcome === 'appended') positions.push(outcome.position);
    }
    expect(positions).toHaveLength(5);
    expect([...positions].sort()).toEqual(positions);
    expect(new Set(positions).size).toBe(5);
  });
}
