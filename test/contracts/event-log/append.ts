import { randomUUID } from 'node:crypto';
import { beforeAll, expect, it } from '@jest/globals';
import type { EventLog } from '../../../src/ports/event-log.js';
import { gate } from '../../support/gate.js';
import { deltasOf, newDelta, newDeltas, newStream, wholeStream } from '../../support/new-events.js';
import type { EngineTraits, OpenLog } from '../event-log.contract.js';

export function appendContract(open: OpenLog, { recognisesRetries }: EngineTraits): void {
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

  it('returns the first outcome for a repeated call, also after later appends', async () => {
    const stream = newStream();
    const events = newDeltas(3);
    const first = await log.append(stream, 'none', events);
    expect(first.outcome).toBe('appended');
    const repeated = recognisesRetries ? { ...first, outcome: 'already-there' } : first;
    expect(await log.append(stream, 'none', events)).toEqual(repeated);
    await log.append(stream, 2, newDeltas(2));
    expect(await log.append(stream, 'none', events)).toEqual(repeated);
    expect(await idsIn(stream)).toHaveLength(5);
  });

  it('returns the first outcome for a repeated call in the middle of a stream', async () => {
    const stream = newStream();
    await log.append(stream, 'none', newDeltas(2));
    const events = newDeltas(2);
    const first = await log.append(stream, 1, events);
    await log.append(stream, 3, newDeltas(1));
    expect(await log.append(stream, 1, events)).toEqual(
      recognisesRetries ? { ...first, outcome: 'already-there' } : first,
    );
    expect(await idsIn(stream)).toHaveLength(5);
  });

  it('returns conflict for a call of which only a part is in the stream, or in another order', async () => {
    const stream = newStream();
    const [a, b, c] = [newDelta(), newDelta(), newDelta()];
    await log.append(stream, 'none', [a, b, c]);
    expect(await log.append(stream, 1, [c, newDelta()])).toEqual({ outcome: 'conflict', revision: 2 });
    expect(await log.append(stream, 1, [newDelta(), c])).toEqual({ outcome: 'conflict', revision: 2 });
    expect(await log.append(stream, 0, [c, b])).toEqual({ outcome: 'conflict', revision: 2 });
    expect(await log.append(stream, 'none', [a, c])).toEqual({ outcome: 'conflict', revision: 2 });
    expect(await idsIn(stream)).toEqual([a.id, b.id, c.id]);
  });

  it('compares ids only behind the expected revision', async () => {
    const [stream, other] = [newStream(), newStream()];
    const [a, b] = [newDelta(), newDelta()];
    await log.append(stream, 'none', [a, b]);
    expect(await log.append(other, 'none', [a])).toMatchObject({ outcome: 'appended', revision: 0 });
    expect(await log.append(stream, 1, [a])).toMatchObject({ outcome: 'appended', revision: 2 });
    expect(await log.append(stream, 0, [a])).toEqual({ outcome: 'conflict', revision: 2 });
    expect(await idsIn(stream)).toEqual([a.id, b.id, a.id]);
    expect(await idsIn(other)).toEqual([a.id]);
  });

  it('decides each of many simultaneous appends on its own', async () => {
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

  it('does not find a command that has not acted', async () => {
    expect(await log.findCommand(randomUUID())).toBeUndefined();
  });

  it('finds a command where its events begin, from each process', async () => {
    const [command, stream] = [randomUUID(), newStream()];
    await log.append(stream, 'none', newDeltas(2));
    const events = deltasOf(command, 3);
    expect(await log.append(stream, 1, events, { command })).toMatchObject({ outcome: 'appended', revision: 4 });
    expect(await log.findCommand(command)).toEqual({ stream, revision: 2 });
    const other = await open();
    expect(await other.findCommand(command)).toEqual({ stream, revision: 2 });
  });

  it('lets a command act once, in one stream', async () => {
    const [command, stream, other] = [randomUUID(), newStream(), newStream()];
    await log.append(stream, 'none', deltasOf(command, 2), { command });
    const known = { outcome: 'command-known', stream, revision: 0 };
    expect(await log.append(other, 'none', deltasOf(command, 1), { command })).toEqual(known);
    expect(await log.append(stream, 1, deltasOf(command, 1), { command })).toEqual(known);
    expect(await idsIn(stream)).toHaveLength(2);
    expect(await idsIn(other)).toEqual([]);
  });

  it('names the place of a command before it compares the revision', async () => {
    const [command, stream] = [randomUUID(), newStream()];
    await log.append(stream, 'none', newDeltas(3));
    await log.append(stream, 2, deltasOf(command, 1), { command });
    await log.append(stream, 3, newDeltas(1));
    const late = log.append(stream, 1, deltasOf(command, 1), { command });
    expect(await late).toEqual({ outcome: 'command-known', stream, revision: 3 });
  });

  it('recognises the events of a call before its command', async () => {
    const [command, stream] = [randomUUID(), newStream()];
    const events = deltasOf(command, 2);
    const first = await log.append(stream, 'none', events, { command });
    const repeated = recognisesRetries ? { ...first, outcome: 'already-there' } : first;
    expect(await log.append(stream, 'none', events, { command })).toEqual(repeated);
    await log.append(stream, 1, newDeltas(1));
    expect(await log.append(stream, 'none', events, { command })).toEqual(repeated);
  });

  it('lets a command act that has met a conflict', async () => {
    const [command, stream] = [randomUUID(), newStream()];
    await log.append(stream, 'none', newDeltas(2));
    const late = log.append(stream, 'none', deltasOf(command, 1), { command });
    expect(await late).toEqual({ outcome: 'conflict', revision: 1 });
    expect(await log.findCommand(command)).toBeUndefined();
    expect(await log.append(stream, 1, deltasOf(command, 1), { command })).toMatchObject({ outcome: 'appended' });
    expect(await log.findCommand(command)).toEqual({ stream, revision: 2 });
  });

  it('lets one of many simultaneous appends of one command act, and fails none of its neighbours', async () => {
    const other = await open();
    const command = randomUUID();
    const acting = Array.from({ length: 6 }, (_, nth) =>
      (nth % 2 === 0 ? log : other).append(newStream(), 'none', deltasOf(command, 1), { command }),
    );
    const neighbours = Array.from({ length: 100 }, (_, nth) =>
      (nth % 2 === 0 ? log : other).append(newStream(), 'none', newDeltas(2)),
    );
    const outcomes = await Promise.all(acting);
    const place = await log.findCommand(command);
    expect(outcomes.map(({ outcome }) => outcome).sort()).toEqual([
      'appended',
      ...Array.from({ length: 5 }, () => 'command-known'),
    ]);
    const known = outcomes.filter(({ outcome }) => outcome === 'command-known');
    expect(known).toEqual(known.map(() => ({ outcome: 'command-known', ...place })));
    expect(await idsIn(place?.stream ?? '')).toHaveLength(1);
    expect((await Promise.all(neighbours)).map(({ outcome }) => outcome)).toEqual(neighbours.map(() => 'appended'));
  });

  it.each([
    ['the first', 'one stream', 0],
    ['the second', 'one stream', 1],
    ['the first', 'two streams', 0],
    ['the second', 'two streams', 1],
  ])('lets a command act once when %s of two appends to %s goes on before the other', async (_, where, first) => {
    const command = randomUUID();
    const stream = newStream();
    const held = [stream, where === 'one stream' ? stream : newStream()].map((to) => ({
      to,
      asked: gate(),
      goOn: gate(),
    }));
    const outcomes: string[] = [];
    const appends: Promise<void>[] = [];
    for (const { to, asked, goOn } of held) {
      const writer = await open(() => {
        asked.open();
        return goOn.opened;
      });
      const append = writer.append(to, 'none', deltasOf(command, 1), { command }).then(({ outcome }) => {
        outcomes.push(outcome);
      });
      appends.push(append);
      // It is at its append, or answered already.
      await Promise.race([asked.opened, append]);
    }
    expect(outcomes).not.toContain('appended');
    for (const nth of [first, 1 - first]) {
      held[nth]?.goOn.open();
      await appends[nth];
    }
    expect(outcomes.filter((outcome) => outcome === 'appended')).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === 'command-known' || outcome === 'conflict')).toHaveLength(1);
    const ids = await Promise.all([...new Set(held.map(({ to }) => to))].map(idsIn));
    expect(ids.flat()).toHaveLength(1);
    expect(await log.findCommand(command)).toMatchObject({ revision: 0 });
  });

  it('remembers no command of an append without one', async () => {
    const command = randomUUID();
    await log.append(newStream(), 'none', deltasOf(command, 1));
    expect(await log.findCommand(command)).toBeUndefined();
  });
}
